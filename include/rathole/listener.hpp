#pragma once

#include <rathole/core/time.hpp>
#include <rathole/embed/client_operations.hpp>
#include <rathole/embed/listener_stats.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/stream.hpp>
#include <rathole/version.hpp>

#include <asio/any_io_executor.hpp>

#include <string>
#include <system_error>
#include <utility>

namespace rathole::inline RATHOLE_ABI {

/// What a listener has done so far; see `listener::stats`.
using embed::listener_stats;

/// A service of a client that the program itself serves: its visitors arrive as streams, without a
/// local port. It is made by `client::listen`.
///
/// A bounded number of visitors waits to be accepted, for a bounded time (`listen_options`). While
/// they are that many, further visitors wait on the server as they do for a data channel, and are
/// refused there by its `visitor_timeout`.
///
/// Distinct listeners may be used by different threads, one listener by one thread at a time. It may
/// outlive its client, but not the execution context of the client.
class listener {
 public:
  /// The type of the executor.
  using executor_type = asio::any_io_executor;

  /// Takes over the service of `other`, which may only be destroyed or assigned to afterwards.
  listener(listener&& other) noexcept = default;
  /// Closes the listener, and takes over that of `other`.
  listener& operator=(listener&& other) noexcept {
    if (this == &other) return *this;
    close();
    body_ = std::move(other.body_);
    return *this;
  }
  /// Closes the listener like `close()`.
  ~listener() { close(); }

  /// Returns the executor of handlers that have none.
  [[nodiscard]] executor_type get_executor() const { return embed::fallback_of(body_); }
  /// Returns the name of the service.
  [[nodiscard]] const std::string& service() const { return embed::service_of(body_); }

  /// Accepts the visitor that has waited longest, as soon as there is one. Completes with
  /// `void(std::error_code, stream)`. Several calls may be outstanding; they are served in order.
  /// Fails with `asio::error::operation_aborted` if it is cancelled or the listener closed, and with
  /// `errc::invalid_settings` if the client cannot have the service, for example because it has one
  /// of this name.
  template <class Token>
  auto async_accept(Token&& token) {
    const auto start = [body = body_](auto done, const auto& cancel) {
      embed::accept(body, std::move(done), cancel);
    };
    return embed::start_operation<stream>(embed::home_of(body_), embed::fallback_of(body_), start,
                                          std::forward<Token>(token));
  }

  /// Stops accepting: the client gives up the service, visitors that wait are reset, and outstanding
  /// calls of `async_accept` are aborted. Streams that were accepted continue.
  void close() {
    if (body_) embed::close(body_);
  }

  /// Closes the listener, and waits until all its streams are closed. Completes with
  /// `void(std::error_code)`; after `timeout`, or an earlier one of another call, the other streams
  /// are reset, and the error is `errc::timed_out`. It is `asio::error::operation_aborted` if streams
  /// are reset before that, by `shutdown()` of the listener, or by the client.
  template <class Token>
  auto async_drain(duration timeout, Token&& token) {
    const auto start = [body = body_, timeout](auto done, const auto&) {
      embed::drain(body, timeout, std::move(done));
    };
    return embed::start_operation<>(embed::home_of(body_), embed::fallback_of(body_), start,
                                    std::forward<Token>(token));
  }

  /// Closes the listener, and resets all its streams.
  void shutdown() { embed::shutdown(body_); }

  /// Returns what the listener has done so far. May be called by any thread.
  [[nodiscard]] listener_stats stats() const { return embed::stats_of(body_); }

  /// Returns the text of an error of the listener's operations: why the client cannot have the
  /// service, one problem a line, for `errc::invalid_settings`, otherwise the error's message. Unlike
  /// `client::explain`, it remembers what was wrong with this service. May be called by any thread.
  [[nodiscard]] std::string explain(std::error_code ec) const { return embed::explain(body_, ec); }

 private:
  friend class client;
  explicit listener(embed::listener_pointer body) : body_(std::move(body)) {}

  embed::listener_pointer body_;
};

}  // namespace rathole::inline RATHOLE_ABI

#if !RATHOLE_SEPARATE_COMPILATION
#include <rathole/embed/impl/client_operations.hpp>
#endif
