#pragma once

#include <rathole/transport/concepts.hpp>

#include <stop_token>
#include <utility>

namespace rathole::transport {

/// Connects over plain TCP: the connection itself carries the protocol. Models `Transport`.
template <io::Runtime R>
class tcp {
 public:
  /// The type of the runtime of the transport.
  using runtime_type = R;
  /// The type of the streams that carry the protocol.
  using stream = typename R::stream;
  /// Whether the handshake is done by a worker thread: it needs none.
  static constexpr bool handshake_is_expensive = false;

  /// Makes a transport in the runtime `runtime`. `options` apply to every connection, dialled or
  /// accepted; a client or server replaces them by those of its settings.
  tcp(R runtime, io::socket_options options) : runtime_(std::move(runtime)), options_(options) {}
  /// Makes a transport in the runtime `runtime` with the default socket options.
  explicit tcp(R runtime) : tcp(std::move(runtime), io::socket_options()) {}

  /// Returns whether this is the transport that a configuration asks for; see `Transport`.
  [[nodiscard]] bool serves(config::transport_kind kind, const config::tcp_options& sockets,
                            config::side where) const {
    const bool dials_proxy = where == config::side::client && sockets.proxy;
    return kind == config::transport_kind::tcp && !dials_proxy;
  }

  /// Returns the runtime of the transport.
  R& runtime() { return runtime_; }
  /// Returns the same transport in another runtime; see `Transport`.
  tcp at(R runtime) { return tcp(std::move(runtime), options_); }
  /// Sets the socket options of later connections; see `Transport`.
  void set_options(const io::socket_options& options) { options_ = options; }

  /// Dials `to`; see `Transport`.
  io::task<stream> connect(const address& to, step_deadline deadline, std::stop_token stop) {
    return runtime_.connect(to, options_, deadline.at(), std::move(stop));
  }

  /// Returns an acceptor of connections; see `Transport`.
  io::task<typename R::acceptor> listen(const address& at, std::stop_token stop) {
    return runtime_.listen(at, options_, std::move(stop));
  }

  /// Returns the accepted connection, with the socket options set; see `Transport`.
  io::task<stream> handshake(stream accepted, step_deadline, std::stop_token) {
    accepted.apply(options_);
    co_return std::move(accepted);
  }

 private:
  R runtime_;
  io::socket_options options_;
};

}  // namespace rathole::transport
