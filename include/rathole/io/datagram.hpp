#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/ip_literal.hpp>
#include <rathole/core/udp_endpoint.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace rathole::io {

/// A UDP datagram: whom it is from or for, and a view of what it carries.
struct datagram {
  udp_endpoint peer;
  /// The interface that a link-local address is of (RFC 4007); 0 for others.
  std::uint32_t scope = 0;
  /// The address of this host that it came to, or is to leave from: of the family of `peer`, laid out
  /// as `udp_endpoint::ip`. All zeros: not known, and for the system to choose.
  ipv6_octets local{};
  byte_view payload;
};

/// How a UDP socket is connected with a peer.
struct udp_connect_options {
  constexpr udp_connect_options() = default;
  constexpr udp_connect_options(bool ipv6_first, bool any_port)
      : prefer_ipv6(ipv6_first), follows_port(any_port) {}

  /// Of a name with addresses of both families, those of IPv6 come first.
  bool prefer_ipv6 = false;
  /// The socket receives from every port of the peer's address, and sends to the one that it
  /// received from last; to the one that it was connected with before that.
  bool follows_port = false;
};

/// A UDP socket, bound to a local address or connected with a peer.
///
/// * `watch(readable)`: calls `readable` from now on whenever something can be received, on the
///   socket's executor, never inside `watch`, until `unwatch()`. It may unwatch and close the socket,
///   but neither watch anew nor destroy it.
/// * `receive()`: what is there, at most a batch; never waits. The payloads are valid until the next
///   `receive` of any socket on the thread. Errors that the system reports for datagrams sent before
///   end nothing.
/// * `send(batch)`: gives the system what it takes at once and returns how many datagrams those
///   are; the others are lost. A connected socket sends to its peer whatever `peer` says.
/// * `local()`: the address that it is bound to.
/// * `close()`: nothing is received or sent any more; there are no more calls back.
template <class S>
concept DatagramSocket =
    std::movable<S> && requires(S& s, const S& cs, std::move_only_function<void()> readable,
                                std::span<const datagram> batch) {
      { s.watch(std::move(readable)) } -> std::same_as<void>;
      { s.unwatch() } -> std::same_as<void>;
      { s.receive() } -> std::same_as<std::span<const datagram>>;
      { s.send(batch) } -> std::same_as<std::size_t>;
      { cs.local() } -> std::same_as<const address&>;
      { cs.is_open() } -> std::same_as<bool>;
      { s.close() } -> std::same_as<void>;
    };

}  // namespace rathole::io
