#pragma once

#include <rathole/io/tcp_stream.hpp>

#include <asio/basic_socket_acceptor.hpp>

#include <utility>

namespace rathole::io {

/// A listening TCP socket; models `Acceptor`.
class tcp_acceptor {
 public:
  using stream = tcp_stream;
  using socket_type = asio::basic_socket_acceptor<asio::ip::tcp, executor>;

  /// Longest queue of connections that the system holds for us before they are accepted.
  static constexpr int backlog = 1024;

  /// Binds and listens at `endpoint`, with SO_REUSEADDR. Fails with the system's code.
  static result<tcp_acceptor> open(executor ex, const asio::ip::tcp::endpoint& endpoint) {
    socket_type socket(ex);
    std::error_code ec;
    socket.open(endpoint.protocol(), ec);
    if (!ec) socket.set_option(socket_type::reuse_address(true), ec);
    if (!ec) socket.bind(endpoint, ec);
    if (!ec) socket.listen(backlog, ec);
    asio::ip::tcp::endpoint bound;
    if (!ec) bound = socket.local_endpoint(ec);
    if (ec) return failure(translate(ec));
    return tcp_acceptor(std::move(socket), to_address(bound));
  }

  task<tcp_stream> accept() {
    asio::ip::tcp::endpoint peer;
    auto [ec, socket] = co_await socket_.async_accept(peer, use_tuple);
    if (ec) co_return failure(translate(ec));
    co_return tcp_stream(std::move(socket), to_address(peer));
  }

  void close() {
    std::error_code ignored;
    socket_.close(ignored);
  }

  [[nodiscard]] const address& local() const { return local_; }

 private:
  tcp_acceptor(socket_type socket, address local)
      : socket_(std::move(socket)), local_(std::move(local)) {}

  socket_type socket_;
  address local_;
};

}  // namespace rathole::io
