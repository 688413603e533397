#include <rathole/client/events.hpp>
#include <rathole/core/observer.hpp>
#include <rathole/core/observer_check.hpp>
#include <rathole/server/events.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <string_view>
#include <variant>

namespace rathole {
namespace {

using client_side::datagrams_lost;
using client_side::forward_ended;
using client_side::forward_started;

/// Returns which events of a forwarded connection `observer` has counted.
template <class Observer>
std::string handled_by(Observer& observer) {
  check_observer<Observer, client_side::all_events>();
  observer.seen.clear();
  notify(observer, forward_started{"web", 1});
  notify(observer, forward_ended{"web", 1, 2, 3, {}});
  return observer.seen;
}

struct for_some_events {
  void on(const forward_started&) { seen += 's'; }
  std::string seen;
};
struct for_both_sides {
  void on(const server_side::forward_started&) {}
  void on(const forward_ended&) { seen += 'e'; }
  std::string seen;
};
struct by_value {
  void on(forward_started) { seen += 's'; }
  std::string seen;
};
struct for_any_event {
  template <class Event>
  void on(const Event&) {
    seen += 'a';
  }
  std::string seen;
};
struct for_any_event_by_auto {
  void on(auto&& event) { seen += event.service.empty() ? ' ' : 'a'; }
  std::string seen;
};
struct for_events_with_bytes {
  template <class Event>
    requires requires(const Event& event) { event.received; }
  void on(const Event&) {
    seen += 'b';
  }
  std::string seen;
};
struct with_result {
  template <class Event>
  auto on(const Event& event) {
    seen += 'a';
    if constexpr (requires { event.service; }) return event.service;
  }
  std::string seen;
};
struct for_one_and_any_event : for_any_event {
  using for_any_event::on;
  void on(const forward_started&) { seen += 's'; }
};
struct final_class final {
  void on(const forward_started&) { seen += 's'; }
  void on(const forward_ended&) { seen += 'e'; }
  std::string seen;
};
struct with_inherited_handlers : for_some_events {};
struct with_private_base : private for_some_events {
  using for_some_events::on;
  using for_some_events::seen;
  void on(const forward_ended&) { seen += 'e'; }
};
struct by_virtual_function {
  virtual ~by_virtual_function() = default;
  virtual void on(const forward_started&) = 0;
  std::string seen;
};
struct with_override : by_virtual_function {
  void on(const forward_started&) override { seen += 's'; }
};
struct by_conversion {
  void on(const std::variant<forward_started, forward_ended>& event) {
    seen += event.index() == 0 ? 's' : 'e';
  }
  std::string seen;
};
struct with_member_object {
  std::string seen;
  std::function<void(const forward_started&)> on = [this](const forward_started&) { seen += 's'; };
};
struct by_static_function {
  static void on(const forward_started&) { seen += 's'; }
  static inline std::string seen;
};
struct also_mutable {
  void on(const forward_started&) const { seen += 's'; }
  void on(forward_started&) { seen += 'x'; }
  mutable std::string seen;
};

TEST_CASE("check_observer: handlers that are called are accepted") {
  const auto handled = []<class Observer>(Observer observer) { return handled_by(observer); };
  CHECK(handled(for_some_events()) == "s");
  CHECK(handled(for_both_sides()) == "e");
  CHECK(handled(by_value()) == "s");
  CHECK(handled(for_any_event()) == "aa");
  CHECK(handled(for_any_event_by_auto()) == "aa");
  CHECK(handled(for_events_with_bytes()) == "b");
  CHECK(handled(with_result()) == "aa");
  CHECK(handled(for_one_and_any_event()) == "sa");
  CHECK(handled(final_class()) == "se");
  CHECK(handled(with_inherited_handlers()) == "s");
  CHECK(handled(with_private_base()) == "se");
  CHECK(handled(with_override()) == "s");
  CHECK(handled(by_conversion()) == "se");
  CHECK(handled(by_static_function()) == "s");
  CHECK(handled(also_mutable()) == "s");
  with_member_object observer;
  CHECK(handled_by(observer) == "s");
  with_override derived;
  by_virtual_function& base = derived;
  CHECK(handled_by(base) == "s");
  check_observer<null_observer, client_side::all_events>();
  check_observer<for_both_sides, server_side::all_events>();
}

TEST_CASE("is_event: the events of both sides are, and nothing else is") {
  CHECK(is_event<datagrams_lost>);
  CHECK(is_event<server_side::datagrams_lost>);
  CHECK_FALSE(is_event<const datagrams_lost&>);
  CHECK_FALSE(is_event<std::string_view>);
  CHECK_FALSE(is_event<config::client>);
  CHECK(OneOf<datagrams_lost, client_side::all_events>);
  CHECK_FALSE(OneOf<datagrams_lost, server_side::all_events>);
}

}  // namespace
}  // namespace rathole
