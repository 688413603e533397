#pragma once

#include <rathole/sim/census.hpp>
#include <rathole/sim/scheduler.hpp>

#include <asio/post.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace rathole::sim {

/// A callback at a point in virtual time; the part of `runtime::timer` that knows no runtime.
class virtual_timer {
 public:
  virtual_timer(scheduler& when, census& counted)
      : scheduler_(&when), state_(std::make_shared<shared_state>(counted)) {}
  virtual_timer(virtual_timer&&) = default;
  virtual_timer& operator=(virtual_timer&&) = delete;
  ~virtual_timer() {
    if (state_) disarm();
  }

  void arm(time_point at, std::move_only_function<void()> callback) {
    disarm();
    state_->callback = std::move(callback);
    state_->armed.emplace(state_->counted->timers);
    // Ready handlers run before time goes on, so nobody can disarm between the two.
    state_->due = scheduler_->call_at(at, [ex = scheduler_->get_executor(), state = state_] {
      asio::post(ex, [state] { state->run(); });
    });
  }

  void disarm() {
    if (!state_->armed) return;
    scheduler_->forget(state_->due);
    state_->armed.reset();
    state_->callback = nullptr;
  }

 private:
  struct shared_state {
    explicit shared_state(census& in_use) : counted(&in_use) {}

    void run() {
      armed.reset();
      auto action = std::exchange(callback, nullptr);
      action();
    }

    census* counted;
    std::move_only_function<void()> callback;
    std::optional<census::entry> armed;
    scheduler::ticket due{};
  };

  scheduler* scheduler_;
  std::shared_ptr<shared_state> state_;
};

}  // namespace rathole::sim
