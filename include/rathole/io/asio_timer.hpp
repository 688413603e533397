#pragma once

#include <rathole/core/time.hpp>
#include <rathole/io/task.hpp>
#include <rathole/io/thread_check.hpp>

#include <asio/steady_timer.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace rathole::io {

/// A callback at a point in time, by Asio's timer queue; models `Timer`. Once it is not armed it may be
/// destroyed by any thread: a completion of the past may still lie in the executor's queue.
class asio_timer {
 public:
  explicit asio_timer(executor ex) : state_(std::make_shared<shared_state>(ex)) {}
  asio_timer(asio_timer&&) = default;
  asio_timer& operator=(asio_timer&&) = delete;
  ~asio_timer() {
    if (state_ && state_->callback) disarm();
  }

  void arm(time_point at, std::move_only_function<void()> callback) {
    check_thread(state_->timer.get_executor());
    // Cancelling cannot take back a completion that is already queued, so each arming has a number.
    const auto number = ++state_->armed;
    state_->callback = std::move(callback);
    state_->timer.expires_at(at);
    state_->timer.async_wait([state = state_, number](std::error_code) {
      if (state->armed != number) return;
      auto run = std::exchange(state->callback, nullptr);
      if (run) run();
    });
  }

  void disarm() {
    ++state_->armed;
    state_->callback = nullptr;
    state_->timer.cancel();
  }

 private:
  struct shared_state {
    explicit shared_state(executor ex) : timer(ex) {}
    asio::basic_waitable_timer<clock, asio::wait_traits<clock>, executor> timer;
    std::move_only_function<void()> callback;
    std::uint64_t armed = 0;
  };

  std::shared_ptr<shared_state> state_;
};

}  // namespace rathole::io
