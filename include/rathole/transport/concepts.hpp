#pragma once

#include <rathole/io/concepts.hpp>

#include <concepts>
#include <stop_token>
#include <utility>

namespace rathole::transport {

/// How client and server reach each other: a way to dial, to listen, and to shake hands.
///
/// * `connect(to, deadline, stop)` dials and shakes hands; what it returns carries protocol octets.
/// * `listen(at, stop)` yields an acceptor of bare connections; `handshake(accepted, deadline, stop)`
///   makes a protocol stream of one. They are apart so that a slow peer never holds up the next.
/// * What has a deadline fails with `errc::timed_out` at it; all fail with `errc::stopped` as soon
///   as `stop` is requested.
/// * `runtime()` is the world that the transport lives in.
template <class T>
concept Transport =
    std::movable<T> && requires(T& t, const address& where, time_point deadline,
                                std::stop_token stop, typename T::runtime_type::stream accepted) {
      typename T::runtime_type;
      typename T::stream;
      requires io::Runtime<typename T::runtime_type>;
      requires io::ByteStream<typename T::stream>;
      { t.runtime() } -> std::same_as<typename T::runtime_type&>;
      { t.connect(where, deadline, stop) } -> std::same_as<io::task<typename T::stream>>;
      { t.listen(where, stop) } -> std::same_as<io::task<typename T::runtime_type::acceptor>>;
      {
        t.handshake(std::move(accepted), deadline, stop)
      } -> std::same_as<io::task<typename T::stream>>;
    };

}  // namespace rathole::transport
