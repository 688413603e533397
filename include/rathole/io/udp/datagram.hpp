#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/core/ip_literal.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <system_error>

namespace rathole::io {

/// A UDP datagram: its peer, its local address, and a view of its payload.
struct datagram {
  /// The sender of a received datagram, or the destination of one to be sent.
  ip_endpoint peer;
  /// The interface of a link-local address (RFC 4007); 0 for other addresses.
  std::uint32_t scope = 0;
  /// The address of this host that the datagram arrived at or must be sent from, in the family of
  /// `peer` and laid out like `ip_endpoint::ip`. All zeros means unknown; the system then chooses
  /// it.
  ipv6_bytes local{};
  /// The payload; a view that the datagram does not own.
  byte_view payload;
};

/// The options with which a UDP socket is connected to a peer.
struct udp_connect_options {
  /// Makes the default options.
  constexpr udp_connect_options() = default;
  /// Makes options with both values.
  constexpr udp_connect_options(bool ipv6_first, bool any_port)
      : prefer_ipv6(ipv6_first), any_peer_port(any_port) {}

  /// Whether IPv6 addresses of a name are tried first.
  bool prefer_ipv6 = false;
  /// Whether the socket receives from every port of the peer's address and sends to the port that
  /// it last received from; before that, to the port that it was connected to.
  bool any_peer_port = false;
};

/// A UDP socket that is bound to a local address or connected to a peer.
///
/// * `watch(readable)` calls `readable` on the socket's executor whenever something can be
///   received, until `unwatch()`; never inside `watch`. The callback may unwatch and close the
///   socket, but must neither call `watch` nor destroy the socket.
/// * `receive()` returns the datagrams that have arrived, at most one batch; it never waits. The
///   payloads are valid until the next `receive` of any socket on the thread.
/// * `send(batch)` passes datagrams to the system and returns how many it accepted; the others
///   are lost. A connected socket sends to its peer, whatever `peer` says.
/// * `take_error()` returns the last error by which the system reported that the peer of a
///   connected socket cannot be reached, such as `std::errc::connection_refused` if nothing
///   receives at its port, and forgets it; no error if there was none. Such errors make `watch`
///   call `readable`, and neither `receive` nor `send` fails because of them.
/// * `local()` returns the address that it is bound to.
/// * `close()` ends receiving and sending; there are no more callbacks.
template <class S>
concept DatagramSocket =
    std::movable<S> && requires(S& s, const S& cs, std::move_only_function<void()> readable,
                                std::span<const datagram> batch) {
      { s.watch(std::move(readable)) } -> std::same_as<void>;
      { s.unwatch() } -> std::same_as<void>;
      { s.receive() } -> std::same_as<std::span<const datagram>>;
      { s.send(batch) } -> std::same_as<std::size_t>;
      { s.take_error() } -> std::same_as<std::error_code>;
      { cs.local() } -> std::same_as<const address&>;
      { cs.is_open() } -> std::same_as<bool>;
      { s.close() } -> std::same_as<void>;
    };

}  // namespace rathole::io
