#pragma once

#include <rathole/core/time.hpp>
#include <rathole/mux/constants.hpp>

#include <algorithm>
#include <chrono>

namespace rathole::mux {

/// Limits how often something may happen: a token bucket that is full at the beginning.
class rate_limit {
 public:
  /// Makes a limit of that rate, whose `per_second` must not be 0.
  explicit rate_limit(rate allowed)
      : interval_(duration(std::chrono::seconds(1)) / allowed.per_second),
        most_(interval_ * allowed.burst) {}

  /// Takes a token at `now`; returns false if none is left.
  [[nodiscard]] bool take(time_point now) {
    const time_point full = std::max(full_at_, now) + interval_;
    if (full - now > most_) return false;
    full_at_ = full;
    return true;
  }

 private:
  duration interval_;
  duration most_;
  /// When the bucket will be full again.
  time_point full_at_ = time_point::min();
};

}  // namespace rathole::mux
