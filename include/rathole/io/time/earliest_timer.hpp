#pragma once

#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>

#include <functional>
#include <optional>
#include <utility>

namespace rathole::io {

/// Runs a callback no later than a deadline that moves often. The timer is set again only if the
/// deadline comes nearer, because an early callback costs less than setting the timer for each
/// event.
template <Runtime R>
class earliest_timer {
 public:
  /// Makes a timer that is not armed. `action` is called on the runtime's executor at a deadline
  /// that was given. The runtime and what `action` refers to must outlive the timer.
  earliest_timer(R& runtime, std::move_only_function<void()> action)
      : timer_(runtime), action_(std::move(action)) {}

  /// Ensures that the callback runs at `deadline` or before, if there is a deadline.
  void arm(std::optional<time_point> deadline) {
    if (!deadline || (armed_ && *armed_ <= *deadline)) return;
    timer_.arm(*deadline, [this] {
      armed_.reset();
      action_();
    });
    armed_ = *deadline;
  }

  /// Cancels the callback.
  void disarm() {
    armed_.reset();
    timer_.disarm();
  }

 private:
  typename R::timer timer_;
  std::move_only_function<void()> action_;
  std::optional<time_point> armed_;
};

}  // namespace rathole::io
