#pragma once

#include <rathole/core/time.hpp>
#include <rathole/mux/constants.hpp>
#include <rathole/mux/stream_state.hpp>
#include <rathole/mux/stream_table.hpp>

#include <algorithm>
#include <optional>

namespace rathole::mux {

/// Adapts the receive windows of streams to what they carry: a window that is consumed within two
/// round trips doubles, up to `max_window` and within `receive_budget`; that of a stream which
/// receives nothing for `unused_time` shrinks again.
class window_growth {
 public:
  /// Doubles the window of `stream`, of which at least half was consumed, if that is needed and
  /// allowed. Without authentication no window grows, nor without a measured round trip.
  void consumed(stream_state& stream, const stream_table& streams,
                std::optional<duration> round_trip, time_point now) {
    if (!round_trip) return;
    const bool is_fast =
        stream.window.was_consumed_fast(std::max(*round_trip, least_round_trip), now);
    if (!is_fast || stream.is_limited || stream.window.size() >= max_window) return;
    if (streams.footprint() + stream.window.size() > receive_budget) return;
    stream.window.grow();
    if (!check_at_) check_at_ = now + unused_time;
  }

  /// Shrinks windows, if that is due at `now`.
  void poll(stream_table& streams, time_point now) {
    if (!check_at_ || now < *check_at_) return;
    check_at_.reset();
    streams.for_each([&](stream_state& stream) {
      stream.window.shrink_if_unused(now);
      streams.recount(stream);
      if (stream.window.has_grown()) check_at_ = now + unused_time;
    });
  }

  /// Returns when `poll` must be called.
  [[nodiscard]] std::optional<time_point> deadline() const { return check_at_; }

 private:
  std::optional<time_point> check_at_;
};

}  // namespace rathole::mux
