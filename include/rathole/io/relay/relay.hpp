#pragma once

#include <rathole/io/mux/stream.hpp>
#include <rathole/io/pace/flow_pace.hpp>
#include <rathole/io/pace/paced_stream.hpp>
#include <rathole/io/relay/copy_relay.hpp>
#include <rathole/io/relay/layered_relay.hpp>
#include <rathole/io/relay/mux_relay.hpp>
#include <rathole/io/relay/socket_relay.hpp>

#include <type_traits>
#include <utility>

namespace rathole::io {

namespace detail {

/// Selects the relay between streams of the types `A` and `B`.
template <class R, class A, class B>
struct relay_between {
  /// The relay.
  using type = copy_relay<R, A, B>;
};
/// Selects the relay between two bare sockets.
template <class R, SocketStream A, SocketStream B>
struct relay_between<R, A, B> {
  /// The relay.
  using type = socket_relay<R>;
};
/// Selects the relay between two bare sockets whose bytes share a bandwidth.
template <class R, SocketStream A, SocketStream B>
struct relay_between<R, paced_stream<R, A>, paced_stream<R, B>> {
  /// The relay.
  using type = socket_relay<R, flow_pace<R>>;
};
/// Selects the relay between a bare socket and a layer on one.
template <class R, SocketStream A, LayeredSocketStream B>
struct relay_between<R, A, B> {
  /// The relay.
  using type = layered_relay<R, std::remove_cvref_t<decltype(std::declval<B&>().layer())>>;
};
/// Selects the relay between a layer on a bare socket and a bare socket.
template <class R, LayeredSocketStream A, SocketStream B>
struct relay_between<R, A, B> {
  /// The relay.
  using type = layered_relay<R, std::remove_cvref_t<decltype(std::declval<A&>().layer())>>;
};
/// Selects the relay between a bare socket and a multiplexed stream.
template <class R, SocketStream A>
struct relay_between<R, A, mux_stream> {
  /// The relay.
  using type = mux_relay<R>;
};
/// Selects the relay between a multiplexed stream and a bare socket.
template <class R, SocketStream B>
struct relay_between<R, mux_stream, B> {
  /// The relay.
  using type = mux_relay<R>;
};

}  // namespace detail

/// The relay that carries bytes in both directions between an `A` and a `B` until both
/// directions have ended. The end of one direction is passed on, and the other continues. An error
/// in one direction aborts both streams, so that no side mistakes a broken stream for a finished
/// one; so do `stop()` and an idle time beyond the limits.
///
/// A relay is made from the runtime of both streams, the two streams and `relay_limits`; `run()`
/// runs it.
template <Runtime R, ByteStream A, ByteStream B>
using relay = typename detail::relay_between<R, A, B>::type;

/// A relay of the runtime `R` that can pause, and be continued by another one; see
/// `relay_base::pause_after`.
template <class Relay, class R>
concept PausableRelay = requires(const R& on, Relay& paused) { Relay(on, paused); };

}  // namespace rathole::io
