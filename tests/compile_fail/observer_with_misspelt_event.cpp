// expect: misspelt_ended
// expect: takes a type that is no event
#include <rathole/client/events.hpp>
#include <rathole/core/observer_check.hpp>

struct misspelt_ended {};

struct observer {
  void on(const rathole::client_side::forward_started&);
#ifdef VALID
  void on(const rathole::client_side::forward_ended&);
#else
  void on(const misspelt_ended&);
#endif
};

void run() { rathole::check_observer<observer, rathole::client_side::all_events>(); }
