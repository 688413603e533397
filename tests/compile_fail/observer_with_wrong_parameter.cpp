// expect: std::error_code
// expect: takes a type that is no event
#include <rathole/core/observer_check.hpp>
#include <rathole/server/events.hpp>

#include <system_error>

struct observer {
  void on(const rathole::server_side::listening&);
#ifdef VALID
  void on(const rathole::server_side::accept_failed&);
#else
  void on(std::error_code);
#endif
};

void run() { rathole::check_observer<observer, rathole::server_side::all_events>(); }
