// expect: on
// expect: is private within this context|is a private member of
#include <rathole/client/events.hpp>
#include <rathole/core/observer_check.hpp>

class observer {
 public:
  void on(const rathole::client_side::forward_started&);

#ifndef VALID
 private:
#endif
  void on(const rathole::client_side::forward_ended&);
};

void run() { rathole::check_observer<observer, rathole::client_side::all_events>(); }
