#pragma once

#include <rathole/io/run/handler_memory.hpp>
#include <rathole/io/task.hpp>

#include <asio/post.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <utility>

namespace rathole::io {

/// Runs an action on an executor whenever one of `Count` stops is requested, unless it is destroyed
/// before. It is for work that other threads may have to stop, and does not fail for lack of memory. A
/// request from the executor's own thread runs the action at once; requests from others that come
/// before the action runs may run it once.
template <std::size_t Count>
class basic_stop_action {
 public:
  /// The stops. Those that are not possible are ignored.
  using tokens = std::array<std::stop_token, Count>;

  /// Registers `action`. Must be made and destroyed on the thread of `on`; what `action` refers to
  /// must outlive it.
  basic_stop_action(const tokens& stops, executor on, std::move_only_function<void()> action) {
    const auto is_possible = [](const std::stop_token& each) { return each.stop_possible(); };
    if (Count == 1 && std::ranges::none_of(stops, is_possible)) return;
    state_ = std::make_shared<shared_state>(on, std::move(action));
    for (std::size_t i = 0; i < Count; ++i) {
      if (stops[i].stop_possible()) callbacks_[i].emplace(stops[i], stop_request{state_});
    }
  }
  /// Registers `action` for one stop.
  basic_stop_action(std::stop_token stop, executor on, std::move_only_function<void()> action)
    requires(Count == 1)
      : basic_stop_action(tokens{std::move(stop)}, std::move(on), std::move(action)) {}
  basic_stop_action(const basic_stop_action&) = delete;
  basic_stop_action& operator=(const basic_stop_action&) = delete;
  /// Withdraws the action, after a request that another thread is passing on.
  ~basic_stop_action() {
    // Waits for a request that another thread is passing on.
    for (auto& each : callbacks_) each.reset();
    if (!state_) return;
    state_->is_withdrawn = true;
    state_->action = nullptr;
  }

  /// Requests a run of the action soon, also without a stop. Any thread may call it while this object
  /// exists. Never runs the action itself.
  void request()
    requires(Count > 1)
  {
    post(state_);
  }

 private:
  struct shared_state {
    shared_state(executor on, std::move_only_function<void()> what)
        : ex(on), action(std::move(what)) {}
    executor ex;
    std::move_only_function<void()> action;
    bool is_withdrawn = false;
    /// Whether a stop was requested while the action ran.
    bool runs_again = false;
    /// Whether the executor has been asked to run the action, with `memory`.
    std::atomic<bool> is_posted = false;
    handler_memory memory;
  };

  static void run(shared_state& state) {
    state.runs_again = true;
    // The action may destroy the owner of this object.
    auto action = std::exchange(state.action, nullptr);
    if (!action) return;
    while (std::exchange(state.runs_again, false) && !state.is_withdrawn) {
      try {
        action();
      } catch (const std::bad_alloc&) {
        // An action closes before it reports, so at most the report is lost.
      }
    }
    // A stop is requested once, so with one stop the action has had its run.
    if (Count > 1 && !state.is_withdrawn) state.action = std::move(action);
  }

  static void post(const std::shared_ptr<shared_state>& state) {
    if (state->is_posted.exchange(true)) return;
    // The memory is part of the state, so a request never fails for lack of it.
    using memory_pointer = std::shared_ptr<handler_memory>;
    asio::post(state->ex, memory_bound(memory_pointer(state, &state->memory), [kept = state] {
                 kept->is_posted.exchange(false);
                 run(*kept);
               }));
  }

  struct stop_request {
    std::shared_ptr<shared_state> state;
    void operator()() const {
      if (state->ex.running_in_this_thread()) {
        // The action may destroy the owner, and with it this object.
        const auto kept = state;
        return run(*kept);
      }
      post(state);
    }
  };

  std::shared_ptr<shared_state> state_;
  std::array<std::optional<std::stop_callback<stop_request>>, Count> callbacks_;
};

/// Runs an action once a stop is requested; see `basic_stop_action`.
using stop_action = basic_stop_action<1>;

}  // namespace rathole::io
