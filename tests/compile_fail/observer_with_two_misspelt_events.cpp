// expect: misspelt_
// expect: takes a type that is no event
#include <rathole/client/events.hpp>
#include <rathole/core/observer_check.hpp>

struct misspelt_started {};
struct misspelt_ended {};

struct common {
#ifndef VALID
  void on(misspelt_started);
  void on(misspelt_ended);
#endif
  void on(const rathole::client_side::datagrams_lost&);
};

struct observer final : common {
  using common::on;
  template <class Event>
  void on(const Event&);
};

void run() { rathole::check_observer<observer, rathole::client_side::all_events>(); }
