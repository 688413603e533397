// expect: Relay(on, paused)
#include <rathole/io/relay/relay.hpp>

struct runtime {};

struct relay {
#ifdef VALID
  relay(const runtime& on, relay& paused);
#else
  relay(const runtime& on, const int& paused);
#endif
};

static_assert(rathole::io::PausableRelay<relay, runtime>);
