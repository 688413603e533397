#pragma once

#include <rathole/io/event.hpp>
#include <rathole/io/suspension.hpp>
#include <rathole/io/task.hpp>
#include <rathole/io/thread_check.hpp>

#include <asio/co_spawn.hpp>
#include <asio/this_coro.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <new>
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

  /// Starts `work`, never inside this call: it runs first when the executor comes to it. Called on the
  /// executor's thread, or before that runs. Throws `std::bad_alloc` where it cannot be started; once
  /// this returns, it will be. Where memory runs out in `work`, and it does not see to that itself, it
  /// ends there and no other is concerned: what it held is given back, so its connection is closed.
  void spawn(awaitable<void> work) {
    check_thread(executor_);
    bool has_begun = !executor_.running_in_this_thread();
    bool* const note = has_begun ? nullptr : &has_begun;
    asio::co_spawn(executor_, run(membership(state_), executor_, note, std::move(work)),
                   finished());
    if (!has_begun) throw std::bad_alloc();
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

  /// Counts one as long as it lives: until the coroutine is gone, in whatever way.
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
        // It has given back all that it held.
      }
    }
  };

  /// Asio begins this within `co_spawn`; `has_begun` is then set, unless it is null, if there is the
  /// memory to go on.
  static awaitable<void> run(membership member, executor on, bool* has_begun,
                             awaitable<void> work) {
    const membership held = std::move(member);
    // Its end comes before that of `held`.
    awaitable<void> own = std::move(work);
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
