#pragma once

#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>

#include <functional>
#include <optional>
#include <utility>

namespace rathole::io {

/// Runs a callback at a deadline that moves or may be absent. It owns a timer only once there has
/// been a deadline.
template <Runtime R>
class deadline_timer {
 public:
  /// Makes a timer without a deadline. `runtime` must outlive it.
  explicit deadline_timer(R& runtime) : runtime_(runtime) {}
  deadline_timer(const deadline_timer&) = delete;
  deadline_timer& operator=(const deadline_timer&) = delete;

  /// Runs `action` once at `deadline`, which replaces an earlier deadline. If the same deadline is
  /// set already, the earlier action is kept.
  void set(std::optional<time_point> deadline, std::move_only_function<void()> action) {
    if (deadline == armed_) return;
    armed_ = deadline;
    if (!deadline) return timer_->disarm();
    if (!timer_) timer_.emplace(runtime_);
    timer_->arm(*deadline, [this, act = std::move(action)]() mutable {
      armed_.reset();
      // The action may destroy this object.
      auto run = std::move(act);
      run();
    });
  }

  /// Cancels the callback.
  void stop() {
    timer_.reset();
    armed_.reset();
  }

 private:
  R& runtime_;
  std::optional<typename R::timer> timer_;
  std::optional<time_point> armed_;
};

}  // namespace rathole::io
