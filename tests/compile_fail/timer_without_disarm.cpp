// expect: Timer
#include <rathole/io/concepts.hpp>

struct incomplete_timer {
  void arm(rathole::time_point at, std::move_only_function<void()> callback);
#ifdef VALID
  void disarm();
#endif
};

void wait(rathole::io::Timer auto& timer);

void run(incomplete_timer& t) { wait(t); }
