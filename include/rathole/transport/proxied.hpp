#pragma once

#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/stream/machine_driver.hpp>
#include <rathole/io/time/step_alarm.hpp>
#include <rathole/proxy/any_proxy.hpp>
#include <rathole/proxy/unreachable.hpp>
#include <rathole/transport/tcp.hpp>

#include <optional>
#include <stop_token>
#include <system_error>
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
    const auto close = [&dialled] { dialled->close(); };
    const io::stop_action on_stop(stop, runtime().get_executor(), close);
    const io::step_alarm<R> on_timeout(runtime(), deadline, close);
    proxy::any_proxy machine(*proxy_, to);
    io::machine_driver<proxy::any_proxy, stream, R> driver(runtime(), *dialled, machine);
    const auto connected = co_await driver.next();
    if (!connected) {
      const std::error_code why = on_timeout.explain(connected.error());
      const bool is_closed = why == errc::end_of_stream || why == std::errc::connection_reset;
      if (is_closed) co_return failure(proxy::unreachable(errc::end_of_stream));
      if (why == errc::timed_out) co_return failure(proxy::unreachable(why));
      // A response in another protocol must be distinguished from one of the server behind the
      // proxy.
      if (why == errc::malformed_http) co_return failure(errc::malformed_proxy_answer);
      co_return failure(why);
    }
    // The proxy's address says nothing about the server, so the name stays what is dialled again.
    dialled->set_peer(to);
    co_return std::move(*dialled);
  }

  tcp<R> direct_;
  std::optional<proxy::settings> proxy_;
};

}  // namespace rathole::transport
