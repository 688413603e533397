#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/io/descriptor.hpp>
#include <rathole/io/socket_options.hpp>
#include <rathole/io/task.hpp>

#include <asio/basic_stream_socket.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstddef>
#include <string>
#include <utility>

namespace rathole::io {

/// An address of this library from an endpoint of Asio's.
inline address to_address(const asio::ip::tcp::endpoint& endpoint) {
  return address{endpoint.address().to_string(), endpoint.port()};
}

/// A TCP connection; models `ByteStream`, and lets the splicing relay at its socket.
class tcp_stream {
 public:
  using socket_type = asio::basic_stream_socket<asio::ip::tcp, executor>;

  /// Takes a connected socket; `peer` is its other end.
  tcp_stream(socket_type socket, address peer)
      : socket_(std::move(socket)), peer_(std::move(peer)) {
    std::error_code ignored;
    if (!socket_.native_non_blocking()) socket_.native_non_blocking(true, ignored);
  }

  task<std::size_t> read_some(byte_span out) {
    auto [ec, count] =
        co_await socket_.async_read_some(asio::mutable_buffer(out.data(), out.size()), use_tuple);
    if (ec == asio::error::eof) co_return std::size_t{0};
    if (ec) co_return failure(translate(ec));
    co_return count;
  }

  task<void> write(byte_view in) {
    auto [ec, count] =
        co_await asio::async_write(socket_, asio::const_buffer(in.data(), in.size()), use_tuple);
    if (ec) co_return failure(translate(ec));
    co_return result<void>{};
  }

  task<void> wait_readable() {
    auto [ec] = co_await socket_.async_wait(socket_type::wait_read, use_tuple);
    if (ec) co_return failure(translate(ec));
    co_return result<void>{};
  }

  void cancel_wait() {
    std::error_code ignored;
    socket_.cancel(ignored);
  }

  bool peer_has_closed() {
    char octet;
    const auto count = ::recv(socket_.native_handle(), &octet, 1, MSG_PEEK | MSG_DONTWAIT);
    return count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
  }

  void shutdown_send() {
    std::error_code ignored;
    socket_.shutdown(socket_type::shutdown_send, ignored);
  }

  void set_nodelay(bool on) { set(IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0); }

  /// Sets what `options` names.
  void apply(const socket_options& options) {
    if (options.nodelay) set_nodelay(*options.nodelay);
    if (options.keepalive_idle.count() > 0) {
      set(SOL_SOCKET, SO_KEEPALIVE, 1);
      set(IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(options.keepalive_idle.count()));
      if (options.keepalive_interval.count() > 0) {
        set(IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(options.keepalive_interval.count()));
      }
    }
    if (options.user_timeout) {
      set(IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(options.user_timeout->count()));
    }
  }

  void close() {
    std::error_code ignored;
    socket_.close(ignored);
  }

  void abort() {
    const linger hard{1, 0};
    if (is_open()) {
      ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    }
    close();
  }

  [[nodiscard]] bool is_open() const { return socket_.is_open(); }
  [[nodiscard]] const address& peer() const { return peer_; }

  /// Gives the socket away, in non-blocking mode; none if the stream is not open.
  descriptor release() {
    std::error_code closed;
    const int fd = socket_.release(closed);
    return closed ? descriptor() : descriptor(fd);
  }

 private:
  void set(int level, int name, int value) {
    ::setsockopt(socket_.native_handle(), level, name, &value, sizeof value);
  }

  socket_type socket_;
  address peer_;
};

}  // namespace rathole::io
