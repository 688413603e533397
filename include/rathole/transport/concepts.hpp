#pragma once

#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/layer.hpp>
#include <rathole/core/step_deadline.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <stop_token>
#include <system_error>
#include <utility>

namespace rathole::transport {

/// Reports that a server does not multiplex, so that its connections are as without multiplexing.
struct multiplexing_refusal {
  /// The address of the server.
  const address& server;
  /// How it refused.
  std::error_code error;
  /// The time after which it is asked again.
  duration retry_in;
};

/// A way for client and server to reach each other: how to dial, to listen, and to perform the
/// handshake. A transport is a cheap handle; copies share their state, except for the socket
/// options.
///
/// * `connect(to, deadline, stop)` dials and performs the handshake; the stream that it returns
///   carries protocol bytes.
/// * `listen(at, stop)` returns an acceptor of bare connections. `handshake(accepted, deadline,
///   stop)` makes a protocol stream of one. They are separate so that a slow peer never delays the
///   next one.
/// * An operation with a deadline fails with `errc::timed_out` when it passes, and reports each
///   step that the peer completes to it (`step_deadline::step_done`). All operations fail with
///   `errc::stopped` as soon as `stop` is requested.
/// * `runtime()` is the runtime of the transport. `at(runtime)` returns the same transport in
///   another runtime, which may belong to another thread.
/// * `set_options(options)` sets the socket options of connections that are dialled or accepted
///   from then on. Existing copies of the transport keep theirs.
/// * `serves(kind, sockets, where)` returns whether its connections are what a configuration of
///   the side `where` asks for by `transport.type` and `transport.tcp`. A transport without a name
///   in the configuration answers as `tcp`, the default. A client or server fails with
///   `errc::wrong_transport` if its transport does not serve its settings, so that no user gets
///   plaintext after configuring TLS.
/// * `handshake_is_expensive` says whether the handshake takes so much computing that it is done by
///   a worker thread.
template <class T>
concept Transport =
    std::copyable<T> &&
    requires(T& t, const T& ct, const address& where, step_deadline deadline, std::stop_token stop,
             config::transport_kind kind, const config::tcp_options& sockets, config::side side,
             typename T::runtime_type::stream accepted, typename T::runtime_type runtime,
             const io::socket_options& options) {
      typename T::runtime_type;
      typename T::stream;
      requires io::Runtime<typename T::runtime_type>;
      requires io::ByteStream<typename T::stream>;
      { ct.serves(kind, sockets, side) } -> std::same_as<bool>;
      { T::handshake_is_expensive } -> std::convertible_to<bool>;
      { t.runtime() } -> std::same_as<typename T::runtime_type&>;
      { t.at(runtime) } -> std::same_as<T>;
      { t.set_options(options) } -> std::same_as<void>;
      { t.connect(where, deadline, stop) } -> std::same_as<io::task<typename T::stream>>;
      { t.listen(where, stop) } -> std::same_as<io::task<typename T::runtime_type::acceptor>>;
      {
        t.handshake(std::move(accepted), deadline, stop)
      } -> std::same_as<io::task<typename T::stream>>;
    };

/// A transport of a client that carries many streams on few connections. All its streams live on its
/// executor and cannot be moved.
///
/// * `multiplexes` is true.
/// * `connections()` returns the number of connections.
/// * `on_refused(handler)` lets `handler` receive a `multiplexing_refusal` when it is certain that a
///   server does not multiplex; `forget_refusals()` lets such servers be asked again.
/// * `authenticated(stream)` is called when the server has accepted a stream as authenticated. Until
///   then it takes only a few of that connection; if the stream is not multiplexed, this confirms that
///   the server does not multiplex.
/// * `leave(server)` opens no more streams on the connections that were dialled as `server`; they end
///   with their last stream.
/// * `close()` closes all connections, now and in the future, and returns once they have ended.
template <class T>
concept Multiplexing = Transport<T> && T::multiplexes &&
                       requires(T& t, const T& ct, const address& peer, typename T::stream& stream,
                                std::function<void(const multiplexing_refusal&)> handler) {
                         { ct.connections() } -> std::same_as<std::size_t>;
                         { t.on_refused(std::move(handler)) } -> std::same_as<void>;
                         { t.authenticated(stream) } -> std::same_as<void>;
                         { t.forget_refusals() } -> std::same_as<void>;
                         { t.leave(peer) } -> std::same_as<void>;
                         { t.close() } -> std::same_as<io::awaitable<void>>;
                       };

/// Makes the layer of each connection; may be used by several threads at once.
///
/// * `client_layer()` makes the layer of a dialled connection, `server_layer()` that of an
///   accepted one. They fail if keys or certificates cannot be used.
/// * `serves(kind)` returns whether such layers are what a configuration asks for by
///   `transport.type`; see `Transport`.
template <class F>
concept LayerFactory = std::copyable<F> && requires(const F& f, config::transport_kind kind) {
  typename F::layer_type;
  requires Layer<typename F::layer_type>;
  { f.client_layer() } -> std::same_as<result<typename F::layer_type>>;
  { f.server_layer() } -> std::same_as<result<typename F::layer_type>>;
  { f.serves(kind) } -> std::same_as<bool>;
};

}  // namespace rathole::transport
