// One of two units that pass a client to each other; see run.sh.
#include "client.hpp"

void first(rathole::client& passed) { second(passed); }

int main() { return &first == nullptr; }
