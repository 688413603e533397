#pragma once

#include <rathole/core/time.hpp>
#include <rathole/io/run/handler_memory.hpp>
#include <rathole/io/run/thread_check.hpp>
#include <rathole/io/task.hpp>

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <new>
#include <utility>

namespace rathole::io {

/// Runs a callback at a point in time by Asio's timer queue; models `Timer`. Arming it needs no
/// memory, so a callback can always arm its timer again. A timer that is not armed may be destroyed
/// by any thread: an earlier completion that is still in the executor's queue keeps the shared
/// state alive and does nothing.
class asio_timer {
 public:
  /// Makes a timer that is not armed.
  explicit asio_timer(executor ex) : state_(std::make_shared<shared_state>(ex)) {}
  /// Takes over another timer with its callback.
  asio_timer(asio_timer&&) = default;
  asio_timer& operator=(asio_timer&&) = delete;
  /// Disarms the timer.
  ~asio_timer() {
    if (state_ && state_->callback) disarm();
  }

  /// Schedules `callback` at `at` and replaces an earlier one; see `Timer`.
  void arm(time_point at, std::move_only_function<void()> callback) {
    check_thread(state_->timer.get_executor());
    state_->callback = std::move(callback);
    state_->due = at;
    // This cancels a wait that is under way, whose completion then begins the next one.
    state_->timer.expires_at(at);
    if (!state_->waiting) wait(state_);
  }

  /// Cancels the callback; see `Timer`.
  void disarm() {
    state_->callback = nullptr;
    state_->timer.cancel();
  }

 private:
  struct shared_state {
    explicit shared_state(executor ex) : timer(ex) {}
    asio::basic_waitable_timer<clock, asio::wait_traits<clock>, executor> timer;
    std::move_only_function<void()> callback;
    time_point due{};
    /// Whether a completion is outstanding. There is at most one, and it uses `memory`.
    bool waiting = false;
    handler_memory memory;
  };

  static void wait(const std::shared_ptr<shared_state>& state) {
    using memory_pointer = std::shared_ptr<handler_memory>;
    const auto handler = [&state] {
      return memory_bound(memory_pointer(state, &state->memory),
                          [state](std::error_code = {}) { wait_is_over(state); });
    };
    state->waiting = true;
    try {
      state->timer.async_wait(handler());
    } catch (const std::bad_alloc&) {
      // Asio's timer queue could not grow. The wait is tried again after the other ready handlers.
      asio::post(state->timer.get_executor(), handler());
    }
  }

  static void wait_is_over(const std::shared_ptr<shared_state>& state) {
    state->waiting = false;
    if (!state->callback) return;
    if (clock::now() < state->due) return wait(state);
    auto run = std::exchange(state->callback, nullptr);
    run();
  }

  std::shared_ptr<shared_state> state_;
};

}  // namespace rathole::io
