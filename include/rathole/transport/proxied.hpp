#pragma once

#include <rathole/proxy/settings.hpp>
#include <rathole/proxy/unreachable.hpp>
#include <rathole/transport/proxy_handshake.hpp>
#include <rathole/transport/tcp.hpp>

#include <optional>
#include <stop_token>
#include <utility>

namespace rathole::transport {

/// Connects a client over TCP, through a proxy if one is set; the proxy then resolves the names of
/// servers. Models `Transport`.
template <io::Runtime R>
class proxied {
 public:
  /// The type of the runtime of the transport.
  using runtime_type = R;
  /// The type of the streams that carry the protocol.
  using stream = typename R::stream;
  /// Whether the handshake is done by a worker thread: it needs none.
  static constexpr bool handshake_is_expensive = false;

  /// Makes a transport in the runtime `runtime`. `options` apply to every connection; `through` is
  /// the proxy, if any.
  proxied(R runtime, io::socket_options options, std::optional<proxy::settings> through = {})
      : direct_(std::move(runtime), options), proxy_(std::move(through)) {}

  /// Returns whether this is the transport that a configuration asks for; see `Transport`.
  [[nodiscard]] bool serves(config::transport_kind kind, const config::tcp_options& sockets,
                            config::side where) const {
    if (kind != config::transport_kind::tcp) return false;
    if (where == config::side::server) return true;
    if (!sockets.proxy || !proxy_) return sockets.proxy.has_value() == proxy_.has_value();
    return config::proxy_address(*sockets.proxy) == proxy_->proxy;
  }

  /// Returns the runtime of the transport.
  R& runtime() { return direct_.runtime(); }
  /// Returns the same transport in another runtime; see `Transport`.
  proxied at(R runtime) { return proxied(direct_.at(std::move(runtime)), proxy_); }
  /// Sets the socket options of later connections; see `Transport`.
  void set_options(const io::socket_options& options) { direct_.set_options(options); }

  /// Dials, through the proxy if there is one; see `Transport`. Fails also with errors of
  /// `proxy::unreachable_category` if the proxy cannot be reached, and with the errors of the proxy
  /// protocol.
  io::task<stream> connect(const address& to, step_deadline deadline, std::stop_token stop) {
    if (!proxy_) return direct_.connect(to, std::move(deadline), std::move(stop));
    return connect_through(to, std::move(deadline), std::move(stop));
  }

  /// Returns an acceptor of connections; see `Transport`.
  io::task<typename R::acceptor> listen(const address& at, std::stop_token stop) {
    return direct_.listen(at, std::move(stop));
  }

  /// Returns the accepted connection with the socket options set; see `Transport`.
  io::task<stream> handshake(stream accepted, step_deadline deadline, std::stop_token stop) {
    return direct_.handshake(std::move(accepted), std::move(deadline), std::move(stop));
  }

 private:
  proxied(tcp<R> direct, std::optional<proxy::settings> through)
      : direct_(std::move(direct)), proxy_(std::move(through)) {}

  io::task<stream> connect_through(address to, step_deadline deadline, std::stop_token stop) {
    auto dialled = co_await direct_.connect(proxy_->proxy, deadline, stop);
    if (!dialled) co_return failure(proxy::unreachable(dialled.error()));
    deadline.step_done(runtime().now());
    co_return co_await proxy_handshake(runtime(), std::move(*dialled), *proxy_, to, deadline,
                                       std::move(stop));
  }

  tcp<R> direct_;
  std::optional<proxy::settings> proxy_;
};

}  // namespace rathole::transport
