#pragma once

#include <rathole/core/last_error.hpp>
#include <rathole/io/run/suspension.hpp>
#include <rathole/io/socket/bind.hpp>
#include <rathole/io/tcp/stream.hpp>
#include <rathole/io/unix/listen.hpp>

#include <asio/post.hpp>

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

namespace rathole::io {

/// A listening TCP or Unix-domain socket; models `Acceptor`.
class tcp_acceptor {
 public:
  /// The type of accepted connections.
  using stream = tcp_stream;

  /// The largest number of connections that the system queues before they are accepted.
  static constexpr int backlog = 1024;

  /// Takes ownership of a listening socket in non-blocking mode. `local` is the address that it is
  /// bound to; `has` are the options that are set on the socket.
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

  /// Listens on the Unix-domain socket at `at`, and removes its file when the last handle is closed. Fails with
  /// the system's error; see `listen_unix`.
  static result<tcp_acceptor> open_unix(const executor& ex, const address& at) {
    auto opened = listen_unix(at, backlog);
    if (!opened) return failure(opened.error());
    applied_options none;
    none.has_no_tcp();
    tcp_acceptor out(ex, std::move(opened->socket), at, none);
    out.file_ = std::move(opened->file);
    return out;
  }

  /// Returns the next connection; see `Acceptor`.
  task<tcp_stream> accept() {
    for (;;) {
      if (socket_->budget_is_spent()) co_await next_turn(executor_);
      if (!socket_->is_open()) co_return failure(errc::stopped);
      asio::ip::tcp::endpoint peer;
      auto size = static_cast<socklen_t>(peer.capacity());
      // The name of a Unix-domain socket does not fit, and is not needed: clients have none.
      const bool is_unix = local_.is_unix();
      descriptor accepted(::accept4(socket_->get(), is_unix ? nullptr : peer.data(),
                                    is_unix ? nullptr : &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (accepted.is_open() && is_unix) {
        const address unnamed(std::string(unix_prefix), 0);
        co_return tcp_stream(executor_, std::move(accepted), unnamed, options_);
      }
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
  void close() {
    // As long as the socket listens, nobody else takes its file for a stale one and replaces it.
    file_.reset();
    socket_->close();
  }

  /// Changes who may connect to a Unix-domain socket that has a file; has no effect on others. Fails as
  /// `socket_file::permit` does.
  result<void> permit(const socket_permissions& wanted) {
    if (!file_) return {};
    const auto permitted = file_->permit(wanted);
    if (permitted) local_.permissions = wanted;
    return permitted;
  }
  /// Returns the file of a Unix-domain socket; null if there is none.
  [[nodiscard]] const std::shared_ptr<const socket_file>& file() const { return file_; }

  /// Returns the address that it is bound to.
  [[nodiscard]] const address& local() const { return local_; }

  /// Returns a second handle of the socket; see `Acceptor`. Fails with the system's error.
  result<tcp_acceptor> duplicate() const {
    descriptor again(::fcntl(socket_->get(), F_DUPFD_CLOEXEC, 0));
    if (!again.is_open()) return failure(last_error());
    tcp_acceptor out(executor_, std::move(again), local_, options_);
    out.file_ = file_;
    return out;
  }

 private:
  executor executor_;
  std::unique_ptr<watched_socket> socket_;
  address local_;
  applied_options options_;
  std::shared_ptr<const socket_file> file_;
};

}  // namespace rathole::io
