#pragma once

#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>

#include <functional>
#include <optional>
#include <utility>

namespace rathole::io {

/// Calls back at a deadline that moves, or that there may not be. As long as there is none, there is
/// no timer either.
template <Runtime R>
class deadline_timer {
 public:
  /// `world` outlives the timer.
  explicit deadline_timer(R& world) : world_(world) {}
  deadline_timer(const deadline_timer&) = delete;
  deadline_timer& operator=(const deadline_timer&) = delete;

  /// Calls `action` back at `deadline`, once, and at no deadline that was set before. A deadline that
  /// is set already keeps the action that was given with it.
  void set(std::optional<time_point> deadline, std::move_only_function<void()> action) {
    if (deadline == armed_) return;
    armed_ = deadline;
    if (!deadline) return timer_->disarm();
    if (!timer_) timer_.emplace(world_);
    timer_->arm(*deadline, [this, act = std::move(action)]() mutable {
      armed_.reset();
      // What it does may end this object.
      auto run = std::move(act);
      run();
    });
  }

  /// Calls back no more.
  void stop() {
    timer_.reset();
    armed_.reset();
  }

 private:
  R& world_;
  std::optional<typename R::timer> timer_;
  std::optional<time_point> armed_;
};

}  // namespace rathole::io
