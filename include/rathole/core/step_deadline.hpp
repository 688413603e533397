#pragma once

#include <rathole/core/time.hpp>

#include <algorithm>
#include <atomic>
#include <memory>

namespace rathole {

/// All steps of a handshake together take at most this many times the time of one.
inline constexpr int most_step_times = 4;

/// The deadline of a handshake that consists of several steps, each of which the peer has to answer:
/// every completed step gives the peer the full time again, within a bound on the total.
///
/// A slow link needs its round-trip time once for each step, so one deadline for all steps would
/// refuse it although it makes progress. Bytes alone are no progress: a peer that sends them one by
/// one gets no more time than a silent one.
///
/// The object is a handle; copies share one deadline, and may be used by several threads.
class step_deadline {
 public:
  /// A deadline that no step moves.
  // NOLINTNEXTLINE(google-explicit-constructor): where there is one step, its deadline is the whole.
  step_deadline(time_point only) : state_(std::make_shared<state>(only, duration::zero())) {}

  /// Each step has `step` from the end of the one before it, the first one from `began`.
  step_deadline(time_point began, duration step) : state_(std::make_shared<state>(began, step)) {}

  /// Returns when the current step must be completed. It may move later.
  [[nodiscard]] time_point at() const {
    const duration step(state_->step.load(std::memory_order_relaxed));
    if (step == duration::zero()) return state_->began;
    const time_point current(duration(state_->current.load(std::memory_order_relaxed)));
    return std::min(after(current, step, 1), after(state_->began, step, most_step_times));
  }

  /// Records that the peer completed a step at `now`.
  void step_done(time_point now) {
    state_->current.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  }

  /// Gives the current step, and those that follow, no more time than `step`.
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
    /// When the current step began.
    std::atomic<duration::rep> current;
    /// Zero if `began` is the deadline itself.
    std::atomic<duration::rep> step;
  };

  /// `from + times * step`, or the end of time.
  static time_point after(time_point from, duration step, int times) {
    if (step > (time_point::max() - from) / times) return time_point::max();
    return from + times * step;
  }

  std::shared_ptr<state> state_;
};

}  // namespace rathole
