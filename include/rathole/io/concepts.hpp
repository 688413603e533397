#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/random.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/datagram.hpp>
#include <rathole/io/socket_options.hpp>
#include <rathole/io/task.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <stop_token>

namespace rathole::io {

/// A connected, reliable, ordered stream of octets with two halves that end separately. An operation
/// may complete without suspending its caller. A stream sees to it that however long a caller loops
/// over it, other work of the executor gets its turn.
///
/// * `read_some(out)`: at least one octet, or 0 at the end of the peer's sending. `out` is not
///   empty.
/// * `write(in)`: returns when all of `in` was taken. At most one write at a time.
/// * `write_held(in)`: as `write`, but the octets may be held back, to travel with those that follow
///   soon, until the next `write`, `flush()` or end of our sending. `flush()` never waits.
/// * `wait_readable()`: returns when `read_some` would not wait: there are octets, the end, or an
///   error. Takes nothing. Fails with `errc::stopped` when ended by `cancel_wait()` or `close()`.
/// * `peer_has_closed()`: whether the end or an error is already here; never waits, takes nothing.
///   Octets that wait to be read hide an end behind them.
/// * `shutdown_send()`: ends our sending, behind what was written; reading goes on.
/// * `close()`: ends both halves in order; every operation under way fails with `errc::stopped`.
/// * `abort()`: as `close()`, but the peer sees a reset where the transport has one, so that a
///   stream that broke is not mistaken for one that ended.
/// * `set_nodelay(on)`, `apply(options)`: as `socket_options` says; a stream without such options
///   ignores them.
/// * `peer()`: where the other end is, as dialled by or seen from this side; `set_peer` corrects it
///   where something in between was dialled.
/// * `rehome(world)`: the same stream on the executor of another runtime; called on the stream's own
///   thread while no operation is under way. The stream it is called on is left closed.
template <class S>
concept ByteStream =
    std::movable<S> && requires(S& s, const S& cs, byte_span out, byte_view in, bool on,
                                const socket_options& options, const address& where) {
      { s.read_some(out) } -> std::same_as<task<std::size_t>>;
      { s.write(in) } -> std::same_as<task<void>>;
      { s.write_held(in) } -> std::same_as<task<void>>;
      { s.flush() } -> std::same_as<void>;
      { s.wait_readable() } -> std::same_as<task<void>>;
      { s.cancel_wait() } -> std::same_as<void>;
      { s.peer_has_closed() } -> std::same_as<bool>;
      { s.shutdown_send() } -> std::same_as<task<void>>;
      { s.set_nodelay(on) } -> std::same_as<void>;
      { s.apply(options) } -> std::same_as<void>;
      { s.close() } -> std::same_as<void>;
      { s.abort() } -> std::same_as<void>;
      { cs.is_open() } -> std::same_as<bool>;
      { cs.peer() } -> std::same_as<const address&>;
      { s.set_peer(where) } -> std::same_as<void>;
    };

/// A listening socket. `accept()` yields streams one at a time and fails with `errc::stopped`
/// after `close()`; other errors are of one connection or of a resource that ran short, and the
/// acceptor stays usable. `local()` is the address it is really bound to. `duplicate()` is a second
/// handle of the same socket: a connection goes to either, and the socket listens until both are
/// closed.
template <class A>
concept Acceptor = std::movable<A> && requires(A& a, const A& ca) {
  typename A::stream;
  requires ByteStream<typename A::stream>;
  { a.accept() } -> std::same_as<task<typename A::stream>>;
  { a.close() } -> std::same_as<void>;
  { ca.local() } -> std::same_as<const address&>;
  { ca.duplicate() } -> std::same_as<result<A>>;
};

/// Calls back once at a time. `arm` replaces what was armed before; after `disarm`, or once the
/// timer is destroyed, the callback does not run. The callback runs on the runtime's executor,
/// never inside `arm`.
template <class T>
concept Timer = requires(T& t, time_point at, std::move_only_function<void()> callback) {
  { t.arm(at, std::move(callback)) } -> std::same_as<void>;
  { t.disarm() } -> std::same_as<void>;
};

/// The world a client or server lives in: a clock, timers, randomness fit for nonces, and a
/// network. Models: `io::asio_runtime` and `sim::runtime`. A runtime is a cheap handle; copies
/// speak of the same world. A `timer` is made from a runtime.
///
/// * `worker()`: the runtime on which the next piece of work is best done, which may be another
///   thread's; this one if it has no workers. What it is told to do is begun by `run_on`.
/// * `descriptor_limit()`: how many descriptors its sockets and all others of the process may take
///   now.
/// * `connect(to, options, deadline, stop)`: resolves and dials; fails with `errc::timed_out` at the
///   deadline, and with `errc::stopped` as soon as `stop` is requested.
/// * `listen(at, options, stop)`: resolves, binds and listens; the first address that can be bound
///   serves. On a host without IPv6 the wildcard `::` means `0.0.0.0`, here and in `bind_udp`, as
///   `local()` of what is opened shows. What is accepted has `options`. Fails with `errc::stopped` as soon as `stop` is
///   requested.
/// * `bind_udp(at, stop)`: resolves and binds a UDP socket; the first address that can be bound
///   serves.
/// * `connect_udp(to, options, deadline, stop)`: resolves, and connects a UDP socket of any local
///   port with the first address that there is a route to.
template <class R>
concept Runtime =
    std::copy_constructible<R> &&
    requires(R& r, const address& where, const socket_options& options,
             const udp_connect_options& udp, time_point deadline, std::stop_token stop) {
      typename R::stream;
      typename R::acceptor;
      typename R::timer;
      typename R::datagram_socket;
      requires DatagramSocket<typename R::datagram_socket>;
      requires Acceptor<typename R::acceptor>;
      requires std::same_as<typename R::acceptor::stream, typename R::stream>;
      requires Timer<typename R::timer>;
      requires std::constructible_from<typename R::timer, R&>;
      requires requires(typename R::stream& stream) {
        { stream.rehome(r) } -> std::same_as<typename R::stream>;
      };
      { r.get_executor() } -> std::same_as<executor>;
      { r.now() } -> std::same_as<time_point>;
      { r.worker() } -> std::same_as<R>;
      { r.rng() } -> Rng;
      { r.descriptor_limit() } -> std::same_as<std::size_t>;
      { r.connect(where, options, deadline, stop) } -> std::same_as<task<typename R::stream>>;
      { r.listen(where, options, stop) } -> std::same_as<task<typename R::acceptor>>;
      { r.bind_udp(where, stop) } -> std::same_as<task<typename R::datagram_socket>>;
      {
        r.connect_udp(where, udp, deadline, stop)
      } -> std::same_as<task<typename R::datagram_socket>>;
    };

}  // namespace rathole::io
