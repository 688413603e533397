#pragma once

#include <rathole/core/backoff.hpp>
#include <rathole/core/random.hpp>
#include <rathole/core/time.hpp>

#include <cstdint>

namespace rathole {

/// Spaces out attempts at one operation, of which several may run at once. While attempts succeed
/// there is no pause. While they fail, one attempt may start after each pause of a `backoff`,
/// however many callers want to start one. Attempts that fail together count as one failure, and
/// any success ends the pauses.
///
/// Pure bookkeeping: it starts no timer and reads no clock.
class attempt_pacer {
 public:
  /// The number of the round in which an attempt started. Attempts of one round that fail count as
  /// one failure.
  using round = std::uint64_t;

  /// Makes a pacer whose pauses grow by `parameters`.
  explicit attempt_pacer(backoff_parameters parameters) : backoff_(parameters) {}

  /// Returns the earliest time at which the next attempt may start.
  [[nodiscard]] time_point ready_at() const { return ready_at_; }

  /// Records that an attempt starts at `now`, which must not be before `ready_at()`. Returns the
  /// round to pass to `failed`.
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

  /// Records that an attempt that started in the round `of` failed at `now`. If another attempt of
  /// the same round has failed or any attempt has succeeded since, the call has no effect.
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
  /// The current pause; zero while attempts succeed.
  duration pause_ = duration::zero();
  time_point ready_at_ = time_point::min();
};

}  // namespace rathole
