#pragma once

#include <rathole/core/time.hpp>

#include <algorithm>
#include <optional>

namespace rathole::io {

/// Combines a burst of hints into one: the burst is due once there was no hint for a while, or when
/// it has lasted too long. Time is an argument.
class debounce {
 public:
  /// Makes a debounce whose bursts are due `quiet` after the last hint, but at most `max_burst`
  /// after the first.
  debounce(duration quiet, duration max_burst) : quiet_(quiet), max_burst_(max_burst) {}

  /// Records a hint, which begins or prolongs a burst.
  void hint(time_point now) {
    if (!first_) first_ = now;
    last_ = now;
  }

  /// Returns when the burst is due; nothing if there is no burst.
  [[nodiscard]] std::optional<time_point> due() const {
    if (!first_) return std::nullopt;
    return std::min(last_ + quiet_, *first_ + max_burst_);
  }

  /// Returns whether the burst is due because it has lasted too long.
  [[nodiscard]] bool is_cut_off() const { return first_ && last_ + quiet_ > *first_ + max_burst_; }

  /// Ends the burst.
  void reset() { first_.reset(); }

 private:
  duration quiet_;
  duration max_burst_;
  std::optional<time_point> first_;
  time_point last_{};
};

}  // namespace rathole::io
