#pragma once

#include <rathole/core/error.hpp>
#include <rathole/core/result.hpp>
#include <rathole/io/run/handler_memory.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/stream/shared_stream.hpp>
#include <rathole/io/task.hpp>

#include <asio/post.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

namespace rathole::server_side {

/// What becomes of a request of `basic_server::connect`: a started data channel, or why there is
/// none.
using connected_stream = result<std::shared_ptr<io::shared_stream>>;

/// A function that is called once, with the outcome of `basic_server::connect`.
using connect_completion = std::move_only_function<void(connected_stream)>;

/// The program itself as a visitor that waits for a data channel. It is completed exactly once; if
/// it is destroyed before, with `errc::stopped`. It lives on the control plane.
class connect_request {
 public:
  /// Makes a request whose completion `done` is called on `home`, never inside a function of this
  /// class. `cancel` cancels it; see `on_cancel`.
  connect_request(io::executor home, std::stop_token cancel, connect_completion done)
      : state_(std::make_shared<shared_state>(home, std::move(cancel), std::move(done))) {}
  /// Takes over the request of `other`.
  connect_request(connect_request&& other) noexcept = default;
  /// Exchanges the two requests.
  connect_request& operator=(connect_request&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  /// Completes the request with `errc::stopped` if it was not completed.
  ~connect_request() { complete(failure(errc::stopped)); }

  /// Returns whether the program has cancelled the request.
  [[nodiscard]] bool is_cancelled() const { return state_ && state_->cancel.stop_requested(); }

  /// Calls `withdraw` on the request's executor once the program cancels it, until the request is
  /// completed or `ignore_cancel` is called.
  void on_cancel(std::move_only_function<void()> withdraw) {
    state_->cancelling.emplace(state_->cancel, state_->home, std::move(withdraw));
  }

  /// Lets the request no longer be cancelled.
  void ignore_cancel() { state_->cancelling.reset(); }

  /// Completes the request; has no effect if it was completed before. Needs no memory.
  void complete(connected_stream outcome) {
    const auto state = std::exchange(state_, nullptr);
    if (!state) return;
    state->cancelling.reset();
    state->outcome = std::move(outcome);
    using memory_pointer = std::shared_ptr<io::handler_memory>;
    asio::post(state->home, io::memory_bound(memory_pointer(state, &state->memory), [state] {
                 auto done = std::move(state->done);
                 done(std::move(state->outcome));
               }));
  }

 private:
  struct shared_state {
    shared_state(io::executor on, std::stop_token stop, connect_completion then)
        : home(on), cancel(std::move(stop)), done(std::move(then)) {}
    io::executor home;
    std::stop_token cancel;
    connect_completion done;
    connected_stream outcome;
    std::optional<io::stop_action> cancelling;
    io::handler_memory memory;
  };

  std::shared_ptr<shared_state> state_;
};

}  // namespace rathole::server_side
