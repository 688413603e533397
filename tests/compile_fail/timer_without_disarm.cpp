// expect: t.disarm()
#include <rathole/io/concepts.hpp>

struct incomplete_timer {
  void arm(rathole::time_point at, std::move_only_function<void()> callback);
#ifdef VALID
  void disarm();
#endif
};

static_assert(rathole::io::Timer<incomplete_timer>);
