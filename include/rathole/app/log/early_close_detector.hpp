#pragma once

#include <rathole/core/error.hpp>
#include <rathole/core/time.hpp>
#include <rathole/server/events.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace rathole::app {

/// The number of early closes in a row that cause a warning.
inline constexpr std::size_t early_closes_before_warning = 3;

/// Detects clients that repeatedly close what the server has just started, because the two sides
/// disagree on a setting that the protocol does not compare. It counts for each service of the
/// server, so its memory is bounded by their number.
class early_close_detector {
 public:
  /// Records the end of a control channel. Returns whether the client has repeatedly closed it
  /// before the first heartbeat and after the same time, as it does if its `heartbeat_timeout` is
  /// too short.
  bool note_closed(const server_side::control_channel_closed& e) {
    const bool is_early = is_end_by_peer(e.error) && e.lasted >= std::chrono::milliseconds(900) &&
                          e.settings.heartbeat_interval > duration::zero() &&
                          e.lasted < e.settings.heartbeat_interval;
    control& known = controls_[std::string(e.service)];
    const duration difference = e.lasted - known.lasted;
    const bool is_same = std::chrono::abs(difference) < std::chrono::seconds(1);
    known.in_a_row = !is_early ? 0 : is_same ? known.in_a_row + 1 : 1;
    known.lasted = e.lasted;
    return known.in_a_row >= early_closes_before_warning;
  }

  /// Records the end of a UDP data channel. Returns whether the client repeatedly closes them as
  /// soon as they are started.
  bool note_udp_channel(const server_side::udp_channel_lost& e) {
    return note(udp_channels_, e.service, e.lived < std::chrono::seconds(1));
  }

  /// Records the end of a connection. Returns whether the client repeatedly breaks them before a
  /// byte for the visitor. A connection that the visitor broke says nothing about the client.
  bool note_forward(const server_side::forward_ended& e) {
    if (e.visitor_broke && e.sent == 0) return false;
    return note(forwards_, e.service, e.sent == 0 && is_end_by_peer(e.error));
  }

 private:
  using counts = std::map<std::string, std::size_t, std::less<>>;

  struct control {
    std::size_t in_a_row = 0;
    duration lasted{};
  };

  static bool note(counts& of, std::string_view service, bool is_early) {
    auto found = of.find(service);
    if (!is_early) {
      if (found != of.end()) of.erase(found);
      return false;
    }
    if (found == of.end()) found = of.emplace(service, 0).first;
    return ++found->second >= early_closes_before_warning;
  }

  std::map<std::string, control, std::less<>> controls_;
  counts udp_channels_;
  counts forwards_;
};

}  // namespace rathole::app
