#pragma once

#include <rathole/core/time.hpp>

#include <algorithm>
#include <optional>

namespace rathole::io {

/// Makes one of many: hints that come in a burst are due together once there was quiet for a while,
/// or when the burst has lasted too long to wait for that. Time is an argument.
class debounce {
 public:
  /// A burst is due `quiet` after its last hint, at most `longest` after its first one.
  debounce(duration quiet, duration longest) : quiet_(quiet), longest_(longest) {}

  /// A hint, which begins a burst or prolongs it.
  void hint(time_point now) {
    if (!first_) first_ = now;
    last_ = now;
  }

  /// When the burst is due; none if there is no burst.
  [[nodiscard]] std::optional<time_point> due() const {
    if (!first_) return std::nullopt;
    return std::min(last_ + quiet_, *first_ + longest_);
  }

  /// Whether the burst is due although there was no quiet.
  [[nodiscard]] bool is_cut_off() const { return first_ && last_ + quiet_ > *first_ + longest_; }

  /// Ends the burst.
  void reset() { first_.reset(); }

 private:
  duration quiet_;
  duration longest_;
  std::optional<time_point> first_;
  time_point last_{};
};

}  // namespace rathole::io
