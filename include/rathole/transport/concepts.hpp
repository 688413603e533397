#pragma once

#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/layer.hpp>
#include <rathole/core/step_deadline.hpp>
#include <rathole/io/concepts.hpp>

#include <concepts>
#include <stop_token>
#include <utility>

namespace rathole::transport {

/// How client and server reach each other: a way to dial, to listen, and to shake hands. A transport
/// is a cheap handle; copies share what they know.
///
/// * `connect(to, deadline, stop)` dials and shakes hands; what it returns carries protocol octets.
/// * `listen(at, stop)` yields an acceptor of bare connections; `handshake(accepted, deadline, stop)`
///   makes a protocol stream of one. They are apart so that a slow peer never holds up the next.
/// * What has a deadline fails with `errc::timed_out` at it, and reports to it each step that the
///   peer completes (`step_deadline::step_done`). All fail with `errc::stopped` as soon as `stop` is
///   requested.
/// * `runtime()` is the world that the transport lives in; `at(world)` is the same transport in
///   another one, which may be another thread's.
/// * `set_options(options)`: what the connections have that are dialled or accepted from then on;
///   copies that were made before keep theirs.
/// * `serves(kind, sockets, where)`: whether its connections are what a configuration of the side
///   `where` asks for by `transport.type` and `transport.tcp`. A transport that a configuration has no
///   name for answers for `tcp`, the default. A client or server whose settings its transport does
///   not serve fails with `errc::wrong_transport`, so that nobody gets plaintext who asked for TLS.
/// * `handshake_is_work`: whether shaking hands takes so much computing that it is done on a worker.
template <class T>
concept Transport =
    std::copyable<T> &&
    requires(T& t, const T& ct, const address& where, step_deadline deadline, std::stop_token stop,
             config::transport_kind kind, const config::tcp_options& sockets, config::side side,
             typename T::runtime_type::stream accepted, typename T::runtime_type world,
             const io::socket_options& options) {
      typename T::runtime_type;
      typename T::stream;
      requires io::Runtime<typename T::runtime_type>;
      requires io::ByteStream<typename T::stream>;
      { ct.serves(kind, sockets, side) } -> std::same_as<bool>;
      { T::handshake_is_work } -> std::convertible_to<bool>;
      { t.runtime() } -> std::same_as<typename T::runtime_type&>;
      { t.at(world) } -> std::same_as<T>;
      { t.set_options(options) } -> std::same_as<void>;
      { t.connect(where, deadline, stop) } -> std::same_as<io::task<typename T::stream>>;
      { t.listen(where, stop) } -> std::same_as<io::task<typename T::runtime_type::acceptor>>;
      {
        t.handshake(std::move(accepted), deadline, stop)
      } -> std::same_as<io::task<typename T::stream>>;
    };

/// Makes the layer of each connection; used by several threads at once.
///
/// * `client_layer()` is for a connection that was dialled, `server_layer()` for one that was
///   accepted. They fail where keys or certificates are not fit for use.
/// * `serves(kind)`: whether such layers are what a configuration asks for by `transport.type`; see
///   `Transport`.
template <class F>
concept LayerFactory = std::copyable<F> && requires(const F& f, config::transport_kind kind) {
  typename F::layer_type;
  requires Layer<typename F::layer_type>;
  { f.client_layer() } -> std::same_as<result<typename F::layer_type>>;
  { f.server_layer() } -> std::same_as<result<typename F::layer_type>>;
  { f.serves(kind) } -> std::same_as<bool>;
};

}  // namespace rathole::transport
