#pragma once

#include <rathole/io/stream/layered_stream.hpp>
#include <rathole/transport/concepts.hpp>
#include <rathole/transport/layer_handshake.hpp>
#include <rathole/transport/towards.hpp>

#include <concepts>
#include <stop_token>
#include <utility>

namespace rathole::transport {

/// Runs a layer over another transport, such as TLS over TCP. Models `Transport`.
template <Transport Below, LayerFactory F>
class layered {
 public:
  /// The type of the runtime of the transport below.
  using runtime_type = typename Below::runtime_type;
  /// The type of the layers.
  using layer_type = typename F::layer_type;
  /// The type of the streams that carry the protocol.
  using stream = io::layered_stream<runtime_type, layer_type>;
  /// Whether the handshake is done by a worker thread: it is.
  static constexpr bool handshake_is_expensive = true;

  /// Makes a transport that runs the layers of `factory` over `below`.
  layered(Below below, F factory) : below_(std::move(below)), factory_(std::move(factory)) {}

  /// Returns whether this is the transport that a configuration asks for; see `Transport`.
  [[nodiscard]] bool serves(config::transport_kind kind, const config::tcp_options& sockets,
                            config::side where) const {
    return factory_.serves(kind) && below_.serves(config::transport_kind::tcp, sockets, where);
  }

  /// Returns the runtime of the transport.
  runtime_type& runtime() { return below_.runtime(); }
  /// Returns the same transport in another runtime; see `Transport`.
  layered at(runtime_type runtime) { return layered(below_.at(std::move(runtime)), factory_); }
  /// Returns the same transport for connections to `server`; see `transport::towards`.
  [[nodiscard]] layered towards(const address& server) const {
    return layered(below_, transport::towards(factory_, server));
  }
  /// Sets the socket options of later connections; see `Transport`.
  void set_options(const io::socket_options& options) { below_.set_options(options); }

  /// Dials and performs all handshakes; see `Transport`. Fails with `errc::closed_in_handshake` if
  /// the peer closes or resets the connection during the handshake of the layer.
  io::task<stream> connect(const address& to, step_deadline deadline, std::stop_token stop) {
    auto dialled = co_await below_.connect(to, deadline, stop);
    if (!dialled) co_return failure(dialled.error());
    deadline.step_done(runtime().now());
    auto layer = factory_.client_layer();
    if (!layer) co_return failure(layer.error());
    stream fresh(runtime(), std::move(*dialled), std::move(*layer));
    co_return co_await layer_handshake(runtime(), std::move(fresh), deadline, std::move(stop));
  }

  /// Returns an acceptor of bare connections; see `Transport`.
  io::task<typename runtime_type::acceptor> listen(const address& at, std::stop_token stop) {
    return below_.listen(at, std::move(stop));
  }

  /// Performs all handshakes on an accepted connection; see `Transport`. Fails as `connect` does.
  io::task<stream> handshake(typename runtime_type::stream accepted, step_deadline deadline,
                             std::stop_token stop) {
    auto carried = co_await below_.handshake(std::move(accepted), deadline, stop);
    if (!carried) co_return failure(carried.error());
    auto layer = factory_.server_layer();
    if (!layer) co_return failure(layer.error());
    stream fresh(runtime(), std::move(*carried), std::move(*layer));
    co_return co_await layer_handshake(runtime(), std::move(fresh), deadline, std::move(stop));
  }

 private:
  static_assert(std::same_as<typename Below::stream, typename runtime_type::stream>);

  Below below_;
  F factory_;
};

}  // namespace rathole::transport
