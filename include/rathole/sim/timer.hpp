#pragma once

#include <rathole/sim/own_memory.hpp>
#include <rathole/sim/resource_counts.hpp>
#include <rathole/sim/scheduler.hpp>

#include <asio/post.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace rathole::sim {

/// Runs a callback at a point in virtual time; the part of `runtime::timer` that does not depend on
/// the runtime.
class virtual_timer {
 public:
  /// Makes a timer that is not armed and calls back on `ex`; `counted` counts it while it is armed.
  virtual_timer(scheduler& when, io::executor ex, resource_counts& counted)
      : scheduler_(&when), state_(make_state(ex, counted)) {}
  /// Takes over another timer with its callback.
  virtual_timer(virtual_timer&&) = default;
  virtual_timer& operator=(virtual_timer&&) = delete;
  /// Disarms the timer.
  ~virtual_timer() {
    if (state_) disarm();
  }

  /// Schedules `callback` at `at` and replaces an earlier one; see `io::Timer`.
  void arm(time_point at, std::move_only_function<void()> callback) {
    const own_memory here;
    disarm();
    state_->callback = std::move(callback);
    state_->armed.emplace(state_->counted->timers);
    // Ready handlers run before time advances, so the timer cannot be disarmed between the two.
    state_->due = scheduler_->call_at(
        at, [state = state_] { asio::post(state->executor, [state] { state->run(); }); });
  }

  /// Cancels the callback; see `io::Timer`.
  void disarm() {
    if (!state_->armed) return;
    scheduler_->forget(state_->due);
    state_->armed.reset();
    state_->callback = nullptr;
  }

 private:
  struct shared_state {
    shared_state(io::executor ex, resource_counts& in_use) : executor(ex), counted(&in_use) {}

    void run() {
      armed.reset();
      auto action = std::exchange(callback, nullptr);
      action();
    }

    io::executor executor;
    resource_counts* counted;
    std::move_only_function<void()> callback;
    std::optional<resource_counts::entry> armed;
    scheduler::ticket due{};
  };

  static std::shared_ptr<shared_state> make_state(io::executor ex, resource_counts& counted) {
    const own_memory here;
    return std::make_shared<shared_state>(ex, counted);
  }

  scheduler* scheduler_;
  std::shared_ptr<shared_state> state_;
};

}  // namespace rathole::sim
