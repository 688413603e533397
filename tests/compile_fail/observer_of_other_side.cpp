// expect: the observer has no `on` for any event
#include <rathole/client/events.hpp>
#include <rathole/core/observer_check.hpp>
#include <rathole/server/events.hpp>

struct observer {
  void on(const rathole::server_side::forward_started&);
#ifdef VALID
  void on(const rathole::client_side::forward_started&);
#endif
};

void run() { rathole::check_observer<observer, rathole::client_side::all_events>(); }
