#pragma once

#include <rathole/core/error.hpp>
#include <rathole/core/step_deadline.hpp>
#include <rathole/io/concepts.hpp>

#include <functional>
#include <system_error>
#include <utility>

namespace rathole::io {

/// Runs an action when a `step_deadline` passes, unless it is destroyed before. If the deadline has
/// moved later meanwhile, the alarm waits again.
template <Runtime R>
class step_alarm {
 public:
  /// Schedules `action` on the thread of `runtime`. `runtime` and what `action` refers to must
  /// outlive the alarm.
  step_alarm(R& runtime, step_deadline deadline, std::move_only_function<void()> action)
      : runtime_(runtime),
        timer_(runtime),
        deadline_(std::move(deadline)),
        action_(std::move(action)) {
    arm();
  }
  step_alarm(const step_alarm&) = delete;
  step_alarm& operator=(const step_alarm&) = delete;

  /// Returns `errc::timed_out` if the action has run, because it then caused the error, and
  /// otherwise `ec`.
  [[nodiscard]] std::error_code explain(std::error_code ec) const {
    return expired_ ? make_error_code(errc::timed_out) : ec;
  }

 private:
  void arm() {
    timer_.arm(deadline_.at(), [this] {
      if (deadline_.at() > runtime_.now()) return arm();
      expired_ = true;
      action_();
    });
  }

  R& runtime_;
  typename R::timer timer_;
  step_deadline deadline_;
  std::move_only_function<void()> action_;
  bool expired_ = false;
};

}  // namespace rathole::io
