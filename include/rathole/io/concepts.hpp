#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/random.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/socket/options.hpp>
#include <rathole/io/task.hpp>
#include <rathole/io/udp/datagram.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <stop_token>

namespace rathole::io {

/// A connected, reliable, ordered stream of bytes with two directions that end separately. An
/// operation may complete without suspending its caller; however long a caller loops over such
/// operations, the stream lets other work of the executor run in between.
///
/// * `read_some(out)` reads at least one byte, or returns 0 at the end of the peer's direction.
///   `out` must not be empty.
/// * `write(in)` returns when all of `in` has been accepted. Only one write may run at a time.
/// * `write_corked(in)` writes like `write`, but the bytes may be delayed to be sent together
///   with the following ones, until the next `write`, `flush()` or end of our direction. `flush()`
///   never waits.
/// * `wait_readable()` returns when `read_some` would not wait because there are bytes, the end,
///   or an error. It consumes nothing. It fails with `errc::stopped` after `cancel_wait()` or
///   `close()`.
/// * `peer_has_closed()` returns whether the end or an error has arrived. It never waits and
///   consumes nothing. It does not see an end after unread bytes, but may see a
///   reset.
/// * `shutdown_send()` ends our direction after the bytes written so far; reading continues.
/// * `close()` ends both directions in order; every running operation fails with `errc::stopped`.
/// * `abort()` closes like `close()`, but sends a reset if the transport has one, so that the
///   peer does not mistake a broken stream for a finished one.
/// * `set_nodelay(on)` and `apply(options)` set `socket_options`; a stream without such options
///   ignores them.
/// * `peer()` returns the address of the other end, as dialled or as seen from this side.
///   `set_peer` replaces it if an intermediary, such as a proxy, was dialled.
/// * `move_to(runtime)` returns the same stream on the executor of another runtime. It is called on
///   the stream's own thread while no operation runs; the object that it is called on is closed
///   afterwards.
template <class S>
concept ByteStream =
    std::movable<S> && requires(S& s, const S& cs, byte_span out, byte_view in, bool on,
                                const socket_options& options, const address& where) {
      { s.read_some(out) } -> std::same_as<task<std::size_t>>;
      { s.write(in) } -> std::same_as<task<void>>;
      { s.write_corked(in) } -> std::same_as<task<void>>;
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

/// A `ByteStream` that cannot leave its thread: `move_to` must be called with a runtime of the same
/// executor only.
template <class S>
concept BoundStream = ByteStream<S> && S::is_bound_to_thread;

/// A listening socket.
///
/// * `accept()` returns the next connection. It fails with `errc::stopped` after `close()`. Other
///   errors concern one connection or a lack of resources, and the acceptor remains usable.
/// * `local()` returns the address that it is really bound to.
/// * `duplicate()` returns a second handle of the same socket. Each connection goes to one of the
///   two, and the socket listens until both are closed.
template <class A>
concept Acceptor = std::movable<A> && requires(A& a, const A& ca) {
  typename A::stream;
  requires ByteStream<typename A::stream>;
  { a.accept() } -> std::same_as<task<typename A::stream>>;
  { a.close() } -> std::same_as<void>;
  { ca.local() } -> std::same_as<const address&>;
  { ca.duplicate() } -> std::same_as<result<A>>;
};

/// Runs one callback at a point in time. `arm` replaces the callback that was armed before. After
/// `disarm`, or once the timer is destroyed, the callback does not run. It runs on the runtime's
/// executor, never inside `arm`.
template <class T>
concept Timer = requires(T& t, time_point at, std::move_only_function<void()> callback) {
  { t.arm(at, std::move(callback)) } -> std::same_as<void>;
  { t.disarm() } -> std::same_as<void>;
};

/// Provides what a client or server needs from its environment: a clock, timers, randomness fit for
/// nonces, and a network. Models are `io::asio_runtime` and `sim::runtime`. A runtime is a cheap
/// handle; copies share one environment. A `timer` is made from a runtime.
///
/// * `local()` of a stream returns the address of this end.
/// * `worker()` returns the runtime for the next piece of work, which may belong to another
///   thread; this one if there are no workers. `run_on` starts work there.
/// * `descriptor_limit()` returns how many descriptors all sockets and files of the process may
///   use now.
/// * `connect(to, options, deadline, stop)` resolves and dials. It fails with `errc::timed_out`
///   at the deadline, and with `errc::stopped` as soon as `stop` is requested.
/// * `listen(at, options, stop)` resolves, and listens on the first address that can be bound. On
///   a host without IPv6 the wildcard `::` means `0.0.0.0`, here and in `bind_udp`, as `local()`
///   shows. Accepted connections have `options`. It fails with `errc::stopped` as soon as `stop` is
///   requested.
/// * `bind_udp(at, stop)` resolves, and binds a UDP socket to the first address that can be
///   bound.
/// * `connect_udp(to, options, deadline, stop)` resolves, and connects a UDP socket with any
///   local port to the first address that has a route.
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
        { stream.move_to(r) } -> std::same_as<typename R::stream>;
        { stream.local() } -> std::convertible_to<address>;
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
