// A program of two units with different parts that pass nothing of them to each other: each must run
// with its own parts.
bool with_tls();
bool without_tls();

int main() { return with_tls() && !without_tls() ? 0 : 1; }
