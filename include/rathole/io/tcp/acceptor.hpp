#pragma once

#include <rathole/core/last_error.hpp>
#include <rathole/io/run/suspension.hpp>
#include <rathole/io/socket/bind.hpp>
#include <rathole/io/tcp/stream.hpp>

#include <asio/post.hpp>

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <utility>

namespace rathole::io {

/// A listening TCP socket; models `Acceptor`.
class tcp_acceptor {
 public:
  /// The type of accepted connections.
  using stream = tcp_stream;

  /// The largest number of connections that the system queues before they are accepted.
  static constexpr int backlog = 1024;

  /// Takes ownership of a listening socket in non-blocking mode, for TCP or for another protocol of
  /// byte streams. `local` is the address that it is bound to; `has` are the options that are set
  /// on the socket.
  tcp_acceptor(const executor& ex, descriptor socket, address local, applied_options has = {})
      : executor_(ex),
        socket_(std::make_unique<watched_socket>(ex, std::move(socket))),
        local_(std::move(local)),
        options_(has) {}

  /// Binds `endpoint` with SO_REUSEADDR and listens on it; accepted connections have `options`.
  /// Fails with the system's error.
  static result<tcp_acceptor> open(const executor& ex, const asio::ip::tcp::endpoint& endpoint,
                                   const socket_options& options) {
    descriptor socket(::socket(endpoint.protocol().family(),
                               SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (!socket.is_open()) return failure(last_error());
    const int on = 1;
    asio::ip::tcp::endpoint bound;
    auto size = static_cast<socklen_t>(bound.capacity());
    if (::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        !bind_socket(socket.get(), endpoint) || ::listen(socket.get(), backlog) != 0 ||
        ::getsockname(socket.get(), bound.data(), &size) != 0) {
      return failure(last_error());
    }
    bound.resize(size);
    applied_options has;
    has.apply(socket.get(), options);
    return tcp_acceptor(ex, std::move(socket), to_address(bound), has);
  }

  /// Returns the next connection; see `Acceptor`.
  task<tcp_stream> accept() {
    for (;;) {
      if (socket_->budget_is_spent()) co_await next_turn(executor_);
      if (!socket_->is_open()) co_return failure(errc::stopped);
      asio::ip::tcp::endpoint peer;
      auto size = static_cast<socklen_t>(peer.capacity());
      descriptor accepted(
          ::accept4(socket_->get(), peer.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (accepted.is_open()) {
        peer.resize(size);
        applied_options has = options_;
        if (peer.address().is_loopback()) has.peer_is_local();
        co_return tcp_stream(executor_, std::move(accepted), to_address(peer), has);
      }
      // The peer closed the connection before it was accepted, which is not an error of the
      // listener.
      if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
      if (errno != EAGAIN) co_return failure(last_error());
      const auto ready = co_await socket_->readable();
      if (!ready) co_return failure(ready.error());
    }
  }

  /// Stops listening, unless a duplicate is open; see `Acceptor`.
  void close() { socket_->close(); }

  /// Returns the address that it is bound to.
  [[nodiscard]] const address& local() const { return local_; }

  /// Returns a second handle of the socket; see `Acceptor`. Fails with the system's error.
  result<tcp_acceptor> duplicate() const {
    descriptor again(::fcntl(socket_->get(), F_DUPFD_CLOEXEC, 0));
    if (!again.is_open()) return failure(last_error());
    return tcp_acceptor(executor_, std::move(again), local_, options_);
  }

 private:
  executor executor_;
  std::unique_ptr<watched_socket> socket_;
  address local_;
  applied_options options_;
};

}  // namespace rathole::io
