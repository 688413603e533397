#pragma once

#include <rathole/io/event.hpp>
#include <rathole/io/task.hpp>
#include <rathole/io/thread_check.hpp>

#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <utility>

namespace rathole::io {

/// The coroutines that belong to one owner. They end by themselves when the owner closes what they
/// wait for; `join` then waits for the last of them.
///
/// The group's bookkeeping outlives the group, so that a context may be destroyed in any order
/// with coroutines still suspended in it.
class task_group {
 public:
  explicit task_group(executor ex) : executor_(ex), state_(std::make_shared<shared_state>(ex)) {}

  /// Starts `work`, never inside this call: its first step is taken when the executor comes to it,
  /// after what is in its queue. Called on the executor's thread. An exception from `work` (only
  /// `std::bad_alloc` is possible in this library) leaves through `io_context::run`.
  void spawn(awaitable<void> work) {
    check_thread(executor_);
    ++state_->running;
    asio::co_spawn(executor_, run(executor_, std::move(work)), finished{state_});
  }

  /// How many have not ended.
  [[nodiscard]] std::size_t size() const { return state_->running; }

  /// Returns when all have ended. One caller at a time.
  awaitable<void> join() {
    const auto state = state_;
    for (;;) {
      if (state->running == 0) break;
      co_await state->ended.wait();
    }
  }

 private:
  struct shared_state {
    explicit shared_state(executor ex) : ended(ex) {}
    event ended;
    std::size_t running = 0;
  };

  struct finished {
    std::shared_ptr<shared_state> owner;
    void operator()(std::exception_ptr error) const {
      --owner->running;
      owner->ended.notify();
      if (error) std::rethrow_exception(error);
    }
  };

  static awaitable<void> run(executor on, awaitable<void> work) {
    co_await asio::this_coro::throw_if_cancelled(false);
    // On the executor's own thread Asio begins a coroutine within `co_spawn`.
    co_await asio::post(on, use_tuple);
    co_await std::move(work);
  }

  executor executor_;
  std::shared_ptr<shared_state> state_;
};

}  // namespace rathole::io
