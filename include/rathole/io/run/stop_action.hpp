#pragma once

#include <rathole/io/run/handler_memory.hpp>
#include <rathole/io/task.hpp>

#include <asio/post.hpp>

#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <utility>

namespace rathole::io {

/// Runs an action on an executor once a stop is requested, unless it is destroyed before. It is for
/// work that another thread may have to stop, and does not fail for lack of memory. A request from
/// the executor's own thread runs the action at once.
class stop_action {
 public:
  /// Registers `action`. Must be made and destroyed on the thread of `on`; what `action` refers to
  /// must outlive it.
  stop_action(const std::stop_token& stop, executor on, std::move_only_function<void()> action) {
    if (!stop.stop_possible()) return;
    state_ = std::make_shared<shared_state>(on, std::move(action));
    callback_.emplace(stop, request{state_});
  }
  stop_action(const stop_action&) = delete;
  stop_action& operator=(const stop_action&) = delete;
  /// Withdraws the action, after a request that another thread is passing on.
  ~stop_action() {
    // Waits for a request that another thread is passing on.
    callback_.reset();
    if (state_) state_->action = nullptr;
  }

 private:
  struct shared_state {
    shared_state(executor on, std::move_only_function<void()> what)
        : ex(on), action(std::move(what)) {}
    executor ex;
    std::move_only_function<void()> action;
    handler_memory memory;
  };

  static void run(shared_state& state) {
    // The action may destroy the owner of this object.
    auto action = std::exchange(state.action, nullptr);
    if (!action) return;
    try {
      action();
    } catch (const std::bad_alloc&) {
      // An action closes before it reports, so at most the report is lost.
    }
  }

  struct request {
    std::shared_ptr<shared_state> state;
    void operator()() const {
      if (state->ex.running_in_this_thread()) return run(*state);
      // The memory is part of the state, so a request never fails for lack of it.
      using memory_pointer = std::shared_ptr<handler_memory>;
      asio::post(state->ex, memory_bound(memory_pointer(state, &state->memory),
                                         [kept = state] { run(*kept); }));
    }
  };

  std::shared_ptr<shared_state> state_;
  std::optional<std::stop_callback<request>> callback_;
};

}  // namespace rathole::io
