#pragma once

#include <rathole/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>

namespace rathole::io {

/// How often changes are reported that follow each other without end.
struct change_pace {
  /// The number of successive changes that are reported without a pause.
  std::size_t burst = 600;
  /// The pause after the first change beyond the burst; each further one doubles it.
  duration first_pause = std::chrono::seconds(1);
  /// The longest pause.
  duration max_pause = std::chrono::minutes(1);
  /// A change that comes so long after the end of the last pause begins a new burst.
  duration calm = std::chrono::seconds(10);
};

/// Decides when a change may be reported, so that a file that never rests, such as one that each report makes
/// grow, is reported ever more rarely. Time is an argument.
class change_pacer {
 public:
  /// Makes a pacer that has reported nothing yet.
  explicit change_pacer(const change_pace& pace) : pace_(pace) {}

  /// Returns when the next change may be reported; nothing if none has been reported yet.
  [[nodiscard]] std::optional<time_point> next() const {
    if (!last_) return std::nullopt;
    return *last_ + pause_;
  }

  /// Returns the pause after the last report; 0 while changes are rare.
  [[nodiscard]] duration pause() const { return pause_; }

  /// Records that a change is reported at `now`.
  void report(time_point now) {
    if (const auto due = next(); due && now - *due >= pace_.calm) {
      count_ = 0;
      pause_ = duration::zero();
    }
    last_ = now;
    if (count_ < pace_.burst) {
      ++count_;
    } else {
      pause_ = std::min(std::max(pace_.first_pause, pause_ * 2), pace_.max_pause);
    }
  }

 private:
  change_pace pace_;
  /// How many changes of the burst were reported.
  std::size_t count_ = 0;
  duration pause_ = duration::zero();
  std::optional<time_point> last_;
};

}  // namespace rathole::io
