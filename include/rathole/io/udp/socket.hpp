#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/last_error.hpp>
#include <rathole/core/result.hpp>
#include <rathole/io/poll/poller.hpp>
#include <rathole/io/socket/bind.hpp>
#include <rathole/io/socket/descriptor.hpp>
#include <rathole/io/udp/any_port_peer.hpp>
#include <rathole/io/udp/batch.hpp>
#include <rathole/io/udp/control_message.hpp>
#include <rathole/io/udp/datagram.hpp>

#include <asio/ip/udp.hpp>

#include <sys/socket.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

namespace rathole::io {

/// A UDP socket; models `DatagramSocket`.
class udp_socket {
 public:
  /// The number of bytes that the system is asked to buffer for a socket in each direction. It may
  /// grant less (net.core.rmem_max, net.core.wmem_max).
  static constexpr int system_buffer = 4 * 1024 * 1024;

  /// Returns a socket bound to `endpoint`, as `bind_socket` says. A socket that is bound to all
  /// addresses reports the local address of each datagram. Fails with the system's error.
  static result<udp_socket> bind(const executor& ex, const asio::ip::udp::endpoint& endpoint) {
    auto opened = open(endpoint);
    if (!opened) return failure(opened.error());
    if (const auto bound = bind_socket(opened->get(), endpoint); !bound) {
      return failure(bound.error());
    }
    if (endpoint.address().is_unspecified()) {
      udp_control_message::enable_pktinfo(opened->get(), endpoint.protocol().family());
    }
    return udp_socket(ex, std::move(*opened), false);
  }

  /// Returns a socket that exchanges datagrams only with `endpoint`. Fails with the system's error.
  static result<udp_socket> connect(const executor& ex, const asio::ip::udp::endpoint& endpoint) {
    auto opened = open(endpoint);
    if (!opened) return failure(opened.error());
    if (::connect(opened->get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) {
      return failure(last_error());
    }
    return udp_socket(ex, std::move(*opened), true);
  }

  /// Returns a socket that exchanges datagrams with all ports of the address of `endpoint`; see
  /// `udp_connect_options::any_peer_port`. It is bound to the local address of the route to it, so
  /// that other networks cannot reach it. Fails with the system's error.
  static result<udp_socket> connect_any_port(const executor& ex,
                                             const asio::ip::udp::endpoint& endpoint) {
    auto trial = connect(ex, endpoint);
    if (!trial) return failure(trial.error());
    std::error_code not_literal;
    const auto here = asio::ip::make_address(trial->local().host, not_literal);
    if (not_literal) return failure(not_literal);
    auto made = bind(ex, {here, 0});
    if (made) made->impl_->any_port.emplace(endpoint);
    return made;
  }

  /// Calls `readable` whenever something can be received; see `DatagramSocket`.
  void watch(std::move_only_function<void()> readable) {
    impl_->readable = std::move(readable);
    impl_->watch(true);
  }
  /// Ends the calls; see `DatagramSocket`.
  void unwatch() { impl_->watch(false); }

  /// Returns the datagrams that have arrived; see `DatagramSocket`.
  std::span<const datagram> receive() {
    if (!is_open()) return {};
    udp_batch& calls = udp_batch::of_thread();
    const auto all = calls.receive(impl_->socket.get());
    impl_->note(calls.peer_error());
    return impl_->any_port ? impl_->any_port->receive(all) : all;
  }

  /// Sends datagrams; see `DatagramSocket`.
  std::size_t send(std::span<const datagram> batch) {
    if (!is_open()) return 0;
    const int socket = impl_->socket.get();
    udp_batch& calls = udp_batch::of_thread();
    const std::size_t taken =
        impl_->any_port ? calls.send(socket, impl_->any_port->address_to_peer(batch), false)
                        : calls.send(socket, batch, is_connected_);
    impl_->note(calls.peer_error());
    return taken;
  }

  /// Returns the last error of the peer and forgets it; see `DatagramSocket`.
  std::error_code take_error() {
    return impl_ ? std::exchange(impl_->error, std::error_code()) : std::error_code();
  }

  /// Returns the address that it is bound to.
  [[nodiscard]] const address& local() const { return local_; }
  /// Returns whether the socket is open.
  [[nodiscard]] bool is_open() const { return impl_ && impl_->socket.is_open(); }

  /// Closes the socket; see `DatagramSocket`.
  void close() {
    if (impl_) impl_->close();
  }

 private:
  /// The state that must not move when the socket object moves.
  struct impl final : poll_watch {
    impl(const executor& ex, descriptor from)
        : poll_watch(poller::of(ex)), socket(std::move(from)) {}
    ~impl() { stop(); }

    void watch(bool on) { want(socket.get(), on ? std::uint32_t{EPOLLIN} : 0); }
    void ready(std::uint32_t) override { readable(); }

    void close() {
      stop();
      socket.close();
    }

    void note(std::error_code of_peer) {
      if (of_peer) error = of_peer;
    }

    descriptor socket;
    std::error_code error;
    std::move_only_function<void()> readable;
    /// The peer, if it may send from any port.
    std::optional<any_port_peer> any_port;
  };

  udp_socket(const executor& ex, descriptor socket, bool is_connected)
      : is_connected_(is_connected) {
    asio::ip::udp::endpoint bound;
    auto size = static_cast<socklen_t>(bound.capacity());
    if (::getsockname(socket.get(), bound.data(), &size) == 0) {
      bound.resize(size);
      local_ = address{bound.address().to_string(), bound.port()};
    }
    impl_ = std::make_unique<impl>(ex, std::move(socket));
  }

  static result<descriptor> open(const asio::ip::udp::endpoint& endpoint) {
    descriptor socket(::socket(endpoint.protocol().family(),
                               SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
    if (!socket.is_open()) return failure(last_error());
    for (const int name : {SO_RCVBUF, SO_SNDBUF}) {
      ::setsockopt(socket.get(), SOL_SOCKET, name, &system_buffer, sizeof system_buffer);
    }
    udp_control_message::enable_gro(socket.get());
    return socket;
  }

  std::unique_ptr<impl> impl_;
  address local_;
  bool is_connected_ = false;
};

}  // namespace rathole::io
