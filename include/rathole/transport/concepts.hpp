#pragma once

#include <rathole/io/concepts.hpp>

#include <concepts>
#include <utility>

namespace rathole::transport {

/// How client and server reach each other: a way to dial, to listen, and to shake hands.
///
/// * `connect(to, deadline)` dials and shakes hands; what it returns carries protocol octets.
/// * `listen(at)` yields an acceptor of bare connections; `handshake(accepted, deadline)` makes a
///   protocol stream of one. They are apart so that a slow peer never holds up the next.
/// * `get_runtime()` is the world that the transport lives in.
template <class T>
concept Transport = std::movable<T> && requires(T& t, const address& where, time_point deadline,
                                                typename T::runtime::stream accepted) {
  typename T::runtime;
  typename T::stream;
  requires io::Runtime<typename T::runtime>;
  requires io::ByteStream<typename T::stream>;
  { t.get_runtime() } -> std::same_as<typename T::runtime&>;
  { t.connect(where, deadline) } -> std::same_as<io::task<typename T::stream>>;
  { t.listen(where) } -> std::same_as<io::task<typename T::runtime::acceptor>>;
  { t.handshake(std::move(accepted), deadline) } -> std::same_as<io::task<typename T::stream>>;
};

}  // namespace rathole::transport
