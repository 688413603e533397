// expect: forward_ended
// expect: takes an event by a reference that is not const
#include <rathole/client/events.hpp>
#include <rathole/core/observer_check.hpp>

struct observer {
  void on(const rathole::client_side::forward_started&);
#ifdef VALID
  void on(const rathole::client_side::forward_ended&);
#else
  void on(rathole::client_side::forward_ended&);
#endif
};

void run() { rathole::check_observer<observer, rathole::client_side::all_events>(); }
