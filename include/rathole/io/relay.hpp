#pragma once

#include <rathole/io/copy_relay.hpp>
#include <rathole/io/layered_relay.hpp>
#include <rathole/io/socket_relay.hpp>

namespace rathole::io {

namespace detail {

template <class R, class A, class B>
struct relay_between {
  using type = copy_relay<R, A, B>;
};
template <class R, SocketStream A, SocketStream B>
struct relay_between<R, A, B> {
  using type = socket_relay<R>;
};
template <class R, SocketStream A, LayeredSocketStream B>
struct relay_between<R, A, B> {
  using type = layered_relay<R, std::remove_cvref_t<decltype(std::declval<B&>().layer())>>;
};
template <class R, LayeredSocketStream A, SocketStream B>
struct relay_between<R, A, B> {
  using type = layered_relay<R, std::remove_cvref_t<decltype(std::declval<A&>().layer())>>;
};

}  // namespace detail

/// Carries octets both ways between an `A` and a `B` until both have ended. The end of one stream's
/// sending is passed on and the other direction goes on. An error in either direction aborts both
/// streams, so that no side takes a broken stream for a finished one; so does `stop()`, and so does a
/// silence beyond the limits. Made from the runtime that both live on, the two streams and
/// `relay_limits`; `run()` carries them.
template <Runtime R, ByteStream A, ByteStream B>
using relay = typename detail::relay_between<R, A, B>::type;

}  // namespace rathole::io
