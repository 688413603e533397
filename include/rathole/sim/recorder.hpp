#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/udp_counters.hpp>
#include <rathole/sim/world.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::sim {

/// Returns the name of a type without its namespaces.
template <class T>
constexpr std::string_view type_name() {
  std::string_view text = __PRETTY_FUNCTION__;
  text.remove_prefix(text.find("T = ") + 4);
  text = text.substr(0, text.find_first_of(";]"));
  return text.substr(text.rfind(':') + 1);
}

/// Holds what a recorder knows about an event. Views are valid only during the call.
struct recorded {
  /// The name of the event's type.
  std::string_view name;
  /// The service of the event; empty if it has none.
  std::string_view service;
  /// The `visitor` of the event; null if it has none.
  const address* visitor = nullptr;
  /// The `id` of the event; empty if it has none.
  std::optional<std::uint64_t> id{};
  /// The `error` of the event; no error if it has none.
  std::error_code error;
  /// How many bytes came from the visitor and went to it; nothing unless the event has both
  /// counts.
  std::optional<std::pair<std::uint64_t, std::uint64_t>> bytes{};
};

/// An observer that records every event as a line of text with its virtual time, and counts
/// events by type. It accepts events of any type, and records their members `service`, `visitor`,
/// `id` and `error`, and the sum of their `since`.
class recorder {
 public:
  /// Makes a recorder whose lines contain `who`. `where` must outlive it.
  recorder(const world& where, std::string who) : world_(&where), who_(std::move(who)) {}

  /// Records `event`.
  template <class Event>
  void on(const Event& event) {
    const std::string_view name = type_name<Event>();
    ++counts_[std::string(name)];
    recorded one;
    one.name = name;
    std::string line = stamp() + who_ + ' ' + std::string(name);
    if constexpr (requires { std::string_view(event.service); }) {
      one.service = event.service;
      line += ' ' + std::string(event.service);
    }
    if constexpr (requires { address(event.visitor); }) {
      one.visitor = &event.visitor;
      line += ' ' + to_string(event.visitor);
    }
    if constexpr (requires { std::uint64_t{event.id}; }) {
      one.id = event.id;
      line += " #" + std::to_string(event.id);
    }
    if constexpr (requires { std::error_code(event.error); }) {
      one.error = event.error;
      errors_[std::string(name)] = event.error;
      if (event.error) line += ": " + event.error.message();
    }
    if constexpr (requires {
                    std::pair<std::uint64_t, std::uint64_t>(event.received, event.sent);
                  }) {
      one.bytes.emplace(event.received, event.sent);
    }
    if constexpr (requires { datagrams_ += event.since; }) datagrams_ += event.since;
    lines_.push_back(std::move(line));
    if (also_) also_(one);
  }

  /// Calls `also` with every later event.
  void also_notify(std::function<void(const recorded&)> also) { also_ = std::move(also); }

  /// Returns how many events of the type `Event` were recorded.
  template <class Event>
  [[nodiscard]] std::size_t count() const {
    const auto found = counts_.find(type_name<Event>());
    return found == counts_.end() ? 0 : found->second;
  }

  /// Returns the error of the latest event of the type `Event`; no error if there was none.
  template <class Event>
  [[nodiscard]] std::error_code last_error() const {
    const auto found = errors_.find(type_name<Event>());
    return found == errors_.end() ? std::error_code() : found->second;
  }

  /// Returns the sum of the counters of all events that report lost datagrams.
  [[nodiscard]] const protocol::udp_counters& datagrams() const { return datagrams_; }

  /// Returns the recorded lines, in order.
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::string stamp() const {
    char text[32];
    const std::chrono::duration<double> seconds = world_->elapsed();
    std::snprintf(text, sizeof text, "%12.6f ", seconds.count());
    return text;
  }

  const world* world_;
  std::string who_;
  std::map<std::string, std::size_t, std::less<>> counts_;
  std::map<std::string, std::error_code, std::less<>> errors_;
  protocol::udp_counters datagrams_;
  std::vector<std::string> lines_;
  std::function<void(const recorded&)> also_;
};

}  // namespace rathole::sim
