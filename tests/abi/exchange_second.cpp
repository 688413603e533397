// The other one of the two units; see exchange_first.cpp.
#include "client.hpp"

void second(rathole::client& passed) { first(passed); }
