#pragma once

#include <rathole/client/events.hpp>
#include <rathole/core/event_sink.hpp>
#include <rathole/server/events.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace rathole::app {

/// Counts the services whose control channel is established. It is an observer between an instance
/// and its log, and passes events on.
template <class Observer>
class serving {
 public:
  /// Makes a count of zero. `changed` is called when it has changed. `next` receives the events and
  /// must outlive it.
  serving(Observer& next, std::function<void()> changed)
      : next_(next), changed_(std::move(changed)) {}

  /// Passes `event` on, and updates the count.
  template <class Event>
  void on(const Event& event) {
    notify(next_, event);
    if constexpr (std::is_same_v<Event, client::control_channel_established> ||
                  std::is_same_v<Event, server::control_channel_established>) {
      add(event.service, 1);
    } else if constexpr (std::is_same_v<Event, server::control_channel_closed>) {
      add(event.service, -1);
    } else if constexpr (std::is_same_v<Event, client::control_channel_failed>) {
      if (event.established) add(event.service, -1);
    } else if constexpr (std::is_same_v<Event, client::control_channel_closed>) {
      if (event.was_established) add(event.service, -1);
    }
  }

  /// Returns how many services are served now.
  [[nodiscard]] std::size_t count() const { return channels_.size(); }

 private:
  /// Changes the number of control channels of a service; a new one may be established before the
  /// old one has ended.
  void add(std::string_view service, int change) {
    auto found = channels_.find(service);
    if (found == channels_.end()) found = channels_.emplace(service, 0).first;
    found->second += change;
    if (found->second == 0) channels_.erase(found);
    changed_();
  }

  Observer& next_;
  std::function<void()> changed_;
  std::map<std::string, int, std::less<>> channels_;
};

}  // namespace rathole::app
