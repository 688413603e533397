#pragma once

#include <rathole/io/copy_relay.hpp>
#include <rathole/io/layered_relay.hpp>
#include <rathole/io/socket_relay.hpp>

namespace rathole::io {

namespace detail {

template <class A, class B>
struct relay_between {
  using type = copy_relay<A, B>;
};
template <SocketStream A, SocketStream B>
struct relay_between<A, B> {
  using type = socket_relay;
};
template <SocketStream A, LayeredSocketStream B>
struct relay_between<A, B> {
  using type = layered_relay<std::remove_cvref_t<decltype(std::declval<B&>().layer())>>;
};
template <LayeredSocketStream A, SocketStream B>
struct relay_between<A, B> {
  using type = layered_relay<std::remove_cvref_t<decltype(std::declval<A&>().layer())>>;
};

}  // namespace detail

/// Carries octets both ways between an `A` and a `B` until both have ended. The end of one stream's
/// sending is passed on and the other direction goes on. An error in either direction aborts both
/// streams, so that no side takes a broken stream for a finished one; so does `stop()`. Made from
/// an executor and the two streams; `run()` carries them.
template <ByteStream A, ByteStream B>
using relay = typename detail::relay_between<A, B>::type;

}  // namespace rathole::io
