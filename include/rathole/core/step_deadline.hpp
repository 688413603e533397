#pragma once

#include <rathole/core/time.hpp>

#include <algorithm>
#include <atomic>
#include <memory>

namespace rathole {

/// The factor by which all steps of a handshake together may take longer than one step.
inline constexpr int max_step_times = 4;

/// The deadline of a handshake in several steps, each of which the peer must answer. Every
/// completed step gives the peer the full time of a step again, up to `max_step_times` of it in
/// total.
///
/// A slow link needs its round-trip time once for each step, so one deadline for all steps would
/// refuse it although it makes progress. Single bytes do not count as progress: a peer that sends
/// them one by one gets no more time than a peer that sends nothing.
///
/// The object is a handle: copies share one deadline and may be used by several threads.
class step_deadline {
 public:
  /// Makes a deadline that completed steps do not move.
  // NOLINTNEXTLINE(google-explicit-constructor): a handshake of one step needs only a time.
  step_deadline(time_point only) : state_(std::make_shared<state>(only, duration::zero())) {}

  /// Makes a deadline that allows `step` for each step, counted from the end of the previous step;
  /// the first step begins at `began`.
  step_deadline(time_point began, duration step) : state_(std::make_shared<state>(began, step)) {}

  /// Returns when the current step must be completed. A later call may return a later time.
  [[nodiscard]] time_point at() const {
    const duration step(state_->step.load(std::memory_order_relaxed));
    if (step == duration::zero()) return state_->began;
    const time_point current(duration(state_->current.load(std::memory_order_relaxed)));
    return std::min(after(current, step, 1), after(state_->began, step, max_step_times));
  }

  /// Records that the peer completed a step at `now`.
  void step_done(time_point now) {
    state_->current.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  }

  /// Limits the current step and all following ones to `step`, if they had more.
  void shorten(duration step) {
    if (step.count() < state_->step.load(std::memory_order_relaxed)) {
      state_->step.store(step.count(), std::memory_order_relaxed);
    }
  }

 private:
  struct state {
    state(time_point start, duration each)
        : began(start), current(start.time_since_epoch().count()), step(each.count()) {}

    const time_point began;
    /// When the current step began, as a count of `duration` since the epoch of `clock`.
    std::atomic<duration::rep> current;
    /// The duration of a step; zero if `began` is the deadline itself.
    std::atomic<duration::rep> step;
  };

  /// Returns `from + times * step`, or the largest time if that overflows.
  static time_point after(time_point from, duration step, int times) {
    if (step > (time_point::max() - from) / times) return time_point::max();
    return from + times * step;
  }

  std::shared_ptr<state> state_;
};

}  // namespace rathole
