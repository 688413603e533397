#pragma once

#include <rathole/core/backoff.hpp>
#include <rathole/core/random.hpp>
#include <rathole/core/time.hpp>

#include <cstdint>

namespace rathole {

/// Spaces attempts at one thing, several of which may be under way at once: as long as they succeed
/// there is no pause, and while they fail one starts after each pause of a `backoff`, however many
/// are wanted. Pure bookkeeping.
///
/// Attempts that fail together count as one failure, and any success ends the pauses.
class attempt_pacer {
 public:
  /// Names the failures that an attempt knew of when it started.
  using round = std::uint64_t;

  explicit attempt_pacer(backoff_parameters parameters) : backoff_(parameters) {}

  /// Returns when the next attempt may start.
  [[nodiscard]] time_point ready_at() const { return ready_at_; }

  /// Records that an attempt starts at `now`, which is not before `ready_at()`. What it returns is
  /// given to `failed`.
  round started(time_point now) {
    if (pause_ > duration::zero()) ready_at_ = now + pause_;
    return round_;
  }

  /// Records that an attempt succeeded.
  void succeeded() {
    if (pause_ == duration::zero()) return;
    ++round_;
    pause_ = duration::zero();
    ready_at_ = time_point::min();
    backoff_.reset();
  }

  /// Records that an attempt, which started in `of`, failed at `now`.
  template <Rng R>
  void failed(round of, time_point now, R& rng) {
    if (of != round_) return;
    ++round_;
    pause_ = backoff_.next(rng);
    ready_at_ = now + pause_;
  }

 private:
  backoff backoff_;
  round round_ = 0;
  /// Zero while attempts succeed.
  duration pause_ = duration::zero();
  time_point ready_at_ = time_point::min();
};

}  // namespace rathole
