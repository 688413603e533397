#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/last_error.hpp>
#include <rathole/io/poll/watched_socket.hpp>
#include <rathole/io/run/suspension.hpp>
#include <rathole/io/socket/applied_options.hpp>
#include <rathole/io/socket/nonblocking.hpp>

#include <asio/ip/tcp.hpp>

#include <poll.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace rathole::io {

/// Returns the address of an Asio endpoint.
inline address to_address(const asio::ip::tcp::endpoint& endpoint) {
  return address{endpoint.address().to_string(), endpoint.port()};
}

/// A TCP connection, or one over a Unix-domain socket; models `ByteStream` and `SocketStream`. It must outlive its operations: to
/// end one, close the stream. Operations that complete at once regularly let other work run
/// (`turn_budget`), so a loop over them needs no precautions.
class tcp_stream {
 public:
  /// Takes ownership of a connected socket in non-blocking mode. `peer` is the address of the other
  /// end; `has` are the options that are set on the socket.
  tcp_stream(const executor& ex, descriptor socket, address peer, applied_options has = {})
      : socket_(std::make_unique<watched_socket>(ex, std::move(socket))),
        peer_(std::move(peer)),
        options_(has) {}

  /// Reads bytes; see `ByteStream`.
  task<std::size_t> read_some(byte_span out) {
    if (is_open() && socket_->budget_is_spent()) {
      co_await next_turn(socket_->get_executor());
    }
    for (;;) {
      if (!is_open()) co_return failure(errc::stopped);
      const auto taken = ::recv(socket_->get(), out.data(), out.size(), MSG_DONTWAIT);
      if (taken >= 0) co_return static_cast<std::size_t>(taken);
      if (!would_block()) co_return failure(last_error());
      const auto ready = co_await socket_->readable();
      if (!ready) co_return failure(ready.error());
    }
  }

  /// Reads like `read_some` if that is possible without waiting; otherwise returns nothing. It
  /// returns nothing, too, when it is the turn of other work.
  std::optional<result<std::size_t>> read_now(byte_span out) {
    if (!is_open() || socket_->budget_is_spent()) return std::nullopt;
    const auto taken = ::recv(socket_->get(), out.data(), out.size(), MSG_DONTWAIT);
    if (taken >= 0) return static_cast<std::size_t>(taken);
    if (would_block()) return std::nullopt;
    return failure(last_error());
  }

  /// Writes `in`; see `ByteStream`.
  task<void> write(byte_view in) {
    corked_ = false;
    return send(in, 0);
  }

  /// Writes `in`, which the system may delay; see `ByteStream`.
  task<void> write_corked(byte_view in) {
    corked_ = true;
    return send(in, MSG_MORE);
  }

  /// Sends the delayed bytes; see `ByteStream`.
  void flush() {
    if (std::exchange(corked_, false)) uncork(socket_->get());
  }

  /// Returns whether bytes may be corked. If so, the next owner of the socket must send them.
  [[nodiscard]] bool is_corked() const { return corked_; }

  /// Waits until a read would not wait; see `ByteStream`.
  task<void> wait_readable() { return socket_->readable(); }
  /// Cancels a wait; see `ByteStream`.
  void cancel_wait() { socket_->cancel_readable(); }

  /// Returns whether the end or an error has arrived; see `ByteStream`.
  bool peer_has_closed() {
    char byte;
    const auto count = ::recv(socket_->get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (count <= 0) return count == 0 || !would_block();
    // Only a reset is seen behind unread bytes. POLLHUP would also say that both directions have ended in order.
    pollfd look{socket_->get(), 0, 0};
    return ::poll(&look, 1, 0) > 0 && (look.revents & POLLERR) != 0;
  }

  /// Ends our direction; see `ByteStream`.
  task<void> shutdown_send() {
    if (is_open()) ::shutdown(socket_->get(), SHUT_WR);
    co_return result<void>{};
  }

  /// Sends as much of `in` as the system takes at once and drops the rest: the last message on a
  /// connection that is about to be closed. Never waits and never fails.
  void send_last(byte_view in) {
    if (is_open()) ::send(socket_->get(), in.data(), in.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  /// Sets TCP_NODELAY; see `ByteStream`.
  void set_nodelay(bool on) { options_.set_nodelay(socket_->get(), on); }
  /// Sets socket options; see `ByteStream`.
  void apply(const socket_options& options) { options_.apply(socket_->get(), options); }

  /// Closes the connection; see `ByteStream`.
  void close() { socket_->close(); }
  /// Resets the connection; see `ByteStream`.
  void abort() { socket_->abort(); }

  /// Returns whether the stream is open.
  [[nodiscard]] bool is_open() const { return socket_ && socket_->is_open(); }
  /// Returns the address of the peer; see `ByteStream`.
  [[nodiscard]] const address& peer() const { return peer_; }
  /// Replaces the address of the peer; see `ByteStream`.
  void set_peer(const address& where) { peer_ = where; }

  /// Returns the address of this end, as the system knows it; an empty one if the stream is not open, and one
  /// without a name for a Unix-domain socket.
  [[nodiscard]] address local() const {
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    auto* const name = reinterpret_cast<sockaddr*>(&bound);
    if (!is_open() || ::getsockname(socket_->get(), name, &size) != 0) return {};
    if (bound.ss_family == AF_UNIX) return address{std::string(unix_prefix), 0};
    asio::ip::tcp::endpoint at;
    at.resize(size);
    std::memcpy(at.data(), &bound, size);
    return to_address(at);
  }

  /// Moves the stream to another runtime; see `ByteStream`.
  template <class Runtime>
  tcp_stream move_to(Runtime& runtime) {
    tcp_stream moved(runtime.get_executor(), release(), peer_, options_);
    moved.corked_ = corked_;
    return moved;
  }

  /// Gives up ownership of the socket and returns it; none if the stream is not open.
  descriptor release() { return socket_->release(); }
  /// Gives up the socket to the owner of `next`; see `watched_socket::release_to`.
  descriptor release_to(poll_watch& next) { return socket_->release_to(next); }

 private:
  task<void> send(byte_view in, int flags) {
    if (is_open() && socket_->budget_is_spent()) {
      co_await next_turn(socket_->get_executor());
    }
    for (;;) {
      if (!is_open()) co_return failure(errc::stopped);
      const auto sent =
          ::send(socket_->get(), in.data(), in.size(), flags | MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0 && !would_block()) co_return failure(last_error());
      if (sent > 0) in = in.subspan(static_cast<std::size_t>(sent));
      if (in.empty()) co_return result<void>{};
      const auto ready = co_await socket_->writable();
      if (!ready) co_return failure(ready.error());
    }
  }

  std::unique_ptr<watched_socket> socket_;
  address peer_;
  applied_options options_;
  bool corked_ = false;
};

}  // namespace rathole::io
