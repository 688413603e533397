#pragma once

#include <rathole/config/problem.hpp>
#include <rathole/core/time.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/version.hpp>

#include <asio/any_io_executor.hpp>

#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

/// What `rathole::client` and `rathole::server` have in common: running, new settings, the ways to
/// end, and what is wrong with settings. `Interface` is the `end_interface` of one of them.
///
/// Distinct ends may be used by different threads, one end by one thread at a time. Destroying the
/// end shuts it down and waits for nothing but a call of the observer on another thread; the
/// observer is not called afterwards.
template <class Interface>
class tunnel_end {
 public:
  /// The type of the executor.
  using executor_type = asio::any_io_executor;
  /// The type of the settings: `config::client` or `config::server`.
  using settings_type = typename Interface::settings_type;

  tunnel_end(const tunnel_end&) = delete;
  tunnel_end& operator=(const tunnel_end&) = delete;

  /// Returns the executor of handlers that have none.
  [[nodiscard]] executor_type get_executor() const { return core_->fallback_executor(); }

  /// Runs the end until it is closed and nothing of it is left. Completes with
  /// `void(std::error_code)`: no error after `close` and its like; `errc::invalid_settings` at once
  /// if the settings cannot be used, and `problems()` says all that is wrong; or why a server cannot
  /// listen; `asio::error::operation_aborted` if the end was destroyed before that. A client tries
  /// again whatever fails, and reports it to the observer. Cancelling the operation closes the end.
  /// May be called once.
  template <class Token>
  auto async_run(Token&& token) {
    const auto run = [core = core_](auto done, const auto& cancel) {
      core->run(std::move(done), cancel);
    };
    return start(run, std::forward<Token>(token));
  }

  /// Replaces the settings; services that were added at run time stay. Only what differs is changed,
  /// and active connections continue, also if the transport changes. Completes with
  /// `void(std::error_code)`: `errc::invalid_settings` if the settings cannot be used, and
  /// `problems()` says all that is wrong, or why a server cannot bind a new address; nothing is
  /// changed then. Before the run the settings are judged in the same way, at once; only whether
  /// addresses can be bound shows when the run begins.
  template <class Token>
  auto async_update(settings_type settings, Token&& token) {
    auto update = [core = core_, next = std::move(settings)](auto done, const auto&) mutable {
      core->update(std::move(next), std::move(done));
    };
    return start(std::move(update), std::forward<Token>(token));
  }

  /// Stops accepting visitors: closes all listeners of a server, the control channels, and the data
  /// channels that wait for visitors. Active connections may continue for `shutdown_grace`, and idle
  /// ones for `shutdown_idle_timeout`. May be called by any thread.
  void close() { core_->post_close(); }

  /// Closes the end, and waits until no connection is active. Completes with
  /// `void(std::error_code)`; after `timeout`, or an earlier one of another call, the other
  /// connections are reset, and the error is `errc::timed_out`. It is
  /// `asio::error::operation_aborted` if connections are reset before that: by `shutdown()`, by the
  /// destructor, or when `shutdown_grace` has passed since `close()`.
  template <class Token>
  auto async_drain(duration timeout, Token&& token) {
    const auto drain = [core = core_, timeout](auto done, const auto&) {
      core->drain(timeout, std::move(done));
    };
    return start(drain, std::forward<Token>(token));
  }

  /// Closes the end, and resets all its connections. May be called by any thread.
  void shutdown() { core_->post_shutdown(); }

  /// Lets the event `forward_started` of connections that start from now on say which
  /// `io::live_connection` it is, from which any thread reads the bytes so far, and by which it resets
  /// the connection; that costs an allocation for each. UDP services that start from now on report
  /// `datagrams_carried`. May be called by any thread.
  void follow_traffic() { core_->post_follow_traffic(); }

  /// Returns all that is wrong with the last settings that could not be used, as `rathole --check`
  /// shows it, or where a server could not listen; empty if they could be used. May be called by any
  /// thread.
  [[nodiscard]] std::vector<config::problem> problems() const { return core_->problems(); }

  /// Returns the text of an error of the end's operations: all `problems()`, one a line, if they are
  /// its cause, otherwise its message. May be called by any thread.
  [[nodiscard]] std::string explain(std::error_code ec) const { return core_->explain(ec); }

 protected:
  /// Makes the public part of `core`, which has not started.
  explicit tunnel_end(std::shared_ptr<Interface> core) : core_(std::move(core)) {}
  /// Shuts the end down; see the class.
  ~tunnel_end() { core_->abandon(); }

  /// Returns the implementation.
  [[nodiscard]] const std::shared_ptr<Interface>& core() const { return core_; }

  /// Starts an operation of the end; see `start_operation`.
  template <class... R, class Start, class Token>
  auto start(Start begin, Token&& token) {
    return start_operation<R...>(core_->home_executor(), core_->fallback_executor(),
                                 std::move(begin), std::forward<Token>(token));
  }

 private:
  const std::shared_ptr<Interface> core_;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
