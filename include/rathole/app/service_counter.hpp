#pragma once

#include <rathole/app/log/text.hpp>
#include <rathole/client/events.hpp>
#include <rathole/core/observer.hpp>
#include <rathole/server/events.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace rathole::app {

/// Counts the services that can be reached: whose control channel is established and, on a server,
/// whose address is bound. It is an observer between an instance and its log, and passes events on.
template <class Observer>
class service_counter {
 public:
  /// The most names that `unserved` returns.
  static constexpr std::size_t names_shown = 10;

  /// Makes a count of zero. `changed` is called when it has changed. `next` receives the events and
  /// must outlive it.
  service_counter(Observer& next, std::function<void()> changed)
      : next_(next), changed_(std::move(changed)) {}

  /// Passes `event` on, and updates the count.
  template <class Event>
  void on(const Event& event) {
    notify(next_, event);
    if constexpr (std::is_same_v<Event, client_side::control_channel_established> ||
                  std::is_same_v<Event, server_side::control_channel_established>) {
      add(event.service, 1);
    } else if constexpr (std::is_same_v<Event, server_side::control_channel_closed>) {
      add(event.service, -1);
    } else if constexpr (std::is_same_v<Event, server_side::service_bind_failed>) {
      if (unbound_.emplace(event.service).second) changed_();
    } else if constexpr (std::is_same_v<Event, server_side::service_listening>) {
      if (forget_unbound(event.service)) changed_();
    } else if constexpr (std::is_same_v<Event, client_side::control_channel_failed>) {
      if (event.established) add(event.service, -1);
    } else if constexpr (std::is_same_v<Event, client_side::control_channel_closed>) {
      if (event.was_established) add(event.service, -1);
    }
  }

  /// Returns how many services are served now.
  [[nodiscard]] std::size_t count() const {
    const auto is_bound = [this](const auto& each) { return !unbound_.contains(each.first); };
    return static_cast<std::size_t>(std::ranges::count_if(channels_, is_bound));
  }

  /// Returns the names of those of `services` that no client serves, as text for a line; at most
  /// `names_shown`. Empty if each is served.
  template <class Service>
  [[nodiscard]] std::string unserved(const std::vector<Service>& services) const {
    std::string names;
    std::size_t missing = 0;
    for (const Service& each : services) {
      if (channels_.contains(each.name)) continue;
      if (++missing <= names_shown) names += (names.empty() ? "" : ", ") + escape(each.name);
    }
    if (missing > names_shown) names += " and " + std::to_string(missing - names_shown) + " more";
    return names;
  }

 private:
  /// Changes the number of control channels of a service; a new one may be established before the
  /// old one has ended.
  void add(std::string_view service, int change) {
    auto found = channels_.find(service);
    if (found == channels_.end()) found = channels_.emplace(service, 0).first;
    found->second += change;
    if (found->second == 0) {
      channels_.erase(found);
      forget_unbound(service);
    }
    changed_();
  }

  bool forget_unbound(std::string_view service) {
    const auto found = unbound_.find(service);
    if (found == unbound_.end()) return false;
    unbound_.erase(found);
    return true;
  }

  Observer& next_;
  std::function<void()> changed_;
  std::map<std::string, int, std::less<>> channels_;
  /// Those of which an address could not be bound.
  std::set<std::string, std::less<>> unbound_;
};

}  // namespace rathole::app
