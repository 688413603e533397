#pragma once

#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/stream/layered_stream.hpp>
#include <rathole/io/stream/lingering_close.hpp>
#include <rathole/io/time/step_alarm.hpp>
#include <rathole/transport/concepts.hpp>

#include <stop_token>
#include <system_error>
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
    co_return co_await run_handshake(stream(runtime(), std::move(*dialled), std::move(*layer)),
                                     deadline, std::move(stop));
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
    co_return co_await run_handshake(stream(runtime(), std::move(*carried), std::move(*layer)),
                                     deadline, std::move(stop));
  }

 private:
  /// Returns `closed_in_handshake` for all errors that mean a closed connection. Whether the peer
  /// closes or resets it depends only on what the peer had not read yet.
  static std::error_code end_of_handshake(const std::error_code& error) {
    const bool is_closed = error == errc::end_of_stream || error == errc::truncated ||
                           error == std::errc::connection_reset || error == std::errc::broken_pipe;
    return is_closed ? make_error_code(errc::closed_in_handshake) : error;
  }

  static_assert(std::same_as<typename Below::stream, typename runtime_type::stream>);

  io::task<stream> run_handshake(stream fresh, step_deadline deadline, std::stop_token stop) {
    const auto close = [&fresh] { fresh.close(); };
    const io::stop_action on_stop(stop, runtime().get_executor(), close);
    if (stop.stop_requested()) co_return failure(errc::stopped);
    const io::step_alarm<runtime_type> on_timeout(runtime(), deadline, close);
    const auto done = co_await fresh.handshake(deadline);
    if (!done) {
      // The lingering close lets the peer read our alert with the reason of the failure.
      if (fresh.is_open() && done.error() != errc::end_of_stream) {
        co_await io::lingering_close(runtime(), fresh.next(), deadline.at());
      }
      co_return failure(on_timeout.explain(end_of_handshake(done.error())));
    }
    co_return std::move(fresh);
  }

  Below below_;
  F factory_;
};

}  // namespace rathole::transport
