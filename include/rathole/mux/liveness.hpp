#pragma once

#include <rathole/core/time.hpp>
#include <rathole/mux/constants.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace rathole::mux {

/// Decides when pings are sent: to measure the round trip, at the start and while data arrives, and
/// to learn whether the peer still exists when nothing arrives. The value of a Ping counts up.
class liveness {
 public:
  /// Begins with the need to send a Ping. The times are those of `settings`.
  liveness(duration keepalive_interval, duration keepalive_timeout, time_point now)
      : interval_(keepalive_interval), timeout_(keepalive_timeout), heard_at_(now) {}

  /// What is to be done.
  enum class action : std::uint8_t {
    /// Nothing is due.
    none,
    /// A Ping is to be sent: `begin_ping`.
    ping,
    /// The peer did not answer in time.
    lost,
  };

  /// Records that bytes arrived.
  void heard(time_point now) {
    heard_at_ = now;
    is_asking_ = false;
  }

  /// Returns whether a Ping is to be sent because data arrives and the last measurement is old.
  [[nodiscard]] bool is_measurement_due(time_point now) const {
    return !pending_ && now - pinged_at_ >= round_trip_interval;
  }

  /// Returns what is due at `now`.
  [[nodiscard]] action poll(time_point now) const {
    const std::optional<time_point> due = deadline();
    if (!due || now < *due) return action::none;
    return is_asking_ ? action::lost : action::ping;
  }

  /// Returns when `poll` has to be called if nothing arrives; nothing if the interval is 0.
  [[nodiscard]] std::optional<time_point> deadline() const {
    if (interval_ == duration::zero()) return std::nullopt;
    return is_asking_ ? pinged_at_ + timeout_ : heard_at_ + interval_;
  }

  /// Records that a Ping is sent because nothing arrived, and returns its value.
  std::uint32_t begin_keepalive(time_point now) {
    is_asking_ = true;
    return begin_ping(now);
  }

  /// Records that a Ping is sent, and returns its value.
  std::uint32_t begin_ping(time_point now) {
    pinged_at_ = now;
    pending_ = ++value_;
    return value_;
  }

  /// Records an answer; returns false if it is to no Ping that waits for one.
  [[nodiscard]] bool answered(std::uint32_t value, time_point now) {
    if (pending_ != value) return false;
    pending_.reset();
    const duration sample = now - pinged_at_;
    // A queue only lengthens a sample, so a short one is closer to the path's.
    round_trip_ =
        !round_trip_ || sample < *round_trip_ ? sample : *round_trip_ + (sample - *round_trip_) / 8;
    return true;
  }

  /// Returns the round trip; nothing before the first answer.
  [[nodiscard]] std::optional<duration> round_trip() const { return round_trip_; }

 private:
  duration interval_;
  duration timeout_;
  time_point heard_at_;
  time_point pinged_at_ = heard_at_;
  std::optional<std::uint32_t> pending_;
  std::uint32_t value_ = 0;
  bool is_asking_ = false;
  std::optional<duration> round_trip_;
};

}  // namespace rathole::mux
