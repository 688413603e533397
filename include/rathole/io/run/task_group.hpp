#pragma once

#include <rathole/io/run/event.hpp>
#include <rathole/io/run/suspension.hpp>
#include <rathole/io/run/thread_check.hpp>
#include <rathole/io/task.hpp>

#include <asio/co_spawn.hpp>
#include <asio/this_coro.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <utility>

namespace rathole::io {

/// Owns the coroutines of one object. They end when the owner closes what they wait for; `join`
/// then waits for the last one.
///
/// The bookkeeping outlives the group, so that a context may be destroyed in any order with
/// coroutines still suspended in it.
class task_group {
 public:
  /// Makes an empty group for coroutines on `ex`.
  explicit task_group(executor ex) : executor_(ex), state_(std::make_shared<shared_state>(ex)) {}

  /// Starts `work` through the executor, never inside this call. Must be called on the executor's
  /// thread, or before that runs. Throws `std::bad_alloc` if the coroutine cannot be started. If
  /// memory runs out in `work` later and `work` does not handle it, only that coroutine ends; what
  /// it held is released, so its connection is closed.
  void spawn(awaitable<void> work) {
    check_thread(executor_);
    bool has_begun = !executor_.running_in_this_thread();
    bool* const note = has_begun ? nullptr : &has_begun;
    auto begun = run(membership(state_), executor_, note, completed_operation(), std::move(work));
    asio::co_spawn(executor_, std::move(begun), finished());
    if (!has_begun) throw std::bad_alloc();
  }

  /// Returns how many coroutines have not ended.
  [[nodiscard]] std::size_t size() const { return state_->running; }

  /// Returns when all coroutines have ended. One caller at a time.
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

  /// Counts one coroutine while it exists, however it ends.
  class membership {
   public:
    explicit membership(std::shared_ptr<shared_state> group) : group_(std::move(group)) {
      ++group_->running;
    }
    membership(membership&&) noexcept = default;
    membership& operator=(membership&&) = delete;
    ~membership() {
      if (!group_) return;
      --group_->running;
      group_->ended.notify();
    }

   private:
    std::shared_ptr<shared_state> group_;
  };

  struct finished {
    void operator()(std::exception_ptr error) const {
      try {
        if (error) std::rethrow_exception(error);
      } catch (const std::bad_alloc&) {
        // The coroutine has released what it held.
      }
    }
  };

  /// Runs `work` as a coroutine. Asio begins it inside `co_spawn`. `has_begun`, unless it is null,
  /// is set if there is enough memory to continue.
  static awaitable<void> run(membership member, executor on, bool* has_begun, awaitable<void> first,
                             awaitable<void> work) {
    const membership held = std::move(member);
    // Is destroyed before `held`.
    awaitable<void> own = std::move(work);
    co_await std::move(first);
    co_await asio::this_coro::throw_if_cancelled(false);
    suspension turn(suspension::registry_of(on), on);
    const auto go_on = [has_begun](suspension* self) {
      self->resume();
      if (has_begun) *has_begun = true;
    };
    co_await turn.suspend(go_on);
    co_await std::move(own);
  }

  executor executor_;
  std::shared_ptr<shared_state> state_;
};

}  // namespace rathole::io
