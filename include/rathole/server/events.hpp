#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/udp_counters.hpp>
#include <rathole/server/refusals.hpp>

#include <cstdint>
#include <string_view>
#include <system_error>

/// What a server tells its observer. Events are views that live as long as the call.
namespace rathole::server {

/// Clients can connect; `at` has the real port.
struct listening {
  const address& at;
  /// The wildcard of IPv6 that the settings name, if `at` takes its place because the host has no
  /// IPv6; else null.
  const address* in_place_of = nullptr;
};

/// The server listens at all its addresses; told once, when it has started.
struct ready {};

/// Visitors of a service can connect; `at` has the real port.
struct service_listening {
  std::string_view service;
  const address& at;
  /// As in `listening`.
  const address* in_place_of = nullptr;
};

/// The address that the settings name, if a socket that was to be bound to it is one of IPv4 because
/// the host has no IPv6; else null.
inline const address* replaced_by(const address& local, const address& wanted) {
  return wanted.host.contains(':') && !local.host.contains(':') ? &wanted : nullptr;
}

/// The wildcard `::` of a list of addresses is not listened at, since the host has no IPv6 and the
/// list names `0.0.0.0` with the same port. `service` is empty for the clients' listener.
struct address_left_out {
  std::string_view service;
  const address& at;
};

/// A service's port cannot be bound; told once per cause, and tried again.
struct service_bind_failed {
  std::string_view service;
  const address& at;
  std::error_code error;
  duration retry_in;
};

/// A listener could not accept; it goes on after a pause. `service` is empty for the clients'
/// listener. Told once per cause.
struct accept_failed {
  std::string_view service;
  std::error_code error;
  duration retry_in;
};

/// A connection to the clients' port ended before it became a control or data channel:
/// `errc::timed_out`, `errc::limit_reached` if it was dropped because there were too many, and
/// others. Anybody can cause these; see `connections_refused`.
struct handshake_failed {
  const address& peer;
  std::error_code error;
  const config::server& settings;
};

/// A client asked for a service that this server does not have.
struct unknown_service {
  const address& peer;
  /// The digest of the service's name, in hexadecimal.
  std::string_view digest;
  /// Whether there was one before in this interval of `connections_refused`.
  bool repeated = false;
};

/// A client gave a wrong token.
struct authentication_failed {
  std::string_view service;
  const address& peer;
  /// Whether there was one before in this interval of `connections_refused`.
  bool repeated = false;
};

/// All connections that were refused within the interval `what.lasted`, told at its end: each was an event of its
/// own before. Not told if no event was but the first `unknown_service` or `authentication_failed`.
struct connections_refused {
  const refusal_summary& what;
};

/// A client serves the service from now on.
struct control_channel_established {
  std::string_view service;
  const address& peer;
};

/// A new client, at `by`, takes the place of the one at `peer` that served so far.
struct control_channel_replaced {
  std::string_view service;
  const address& peer;
  const address& by;
};

/// The client of a service is gone, `lasted` after its control channel was established.
struct control_channel_closed {
  std::string_view service;
  const address& peer;
  std::error_code error;
  duration lasted;
  const config::server& settings;
};

/// A data channel of a UDP service ended from the client's side, `lived` after it was started.
struct udp_channel_lost {
  std::string_view service;
  const address& peer;
  duration lived;
  std::error_code error;
};

/// A visitor was turned away: `errc::limit_reached`, `errc::timed_out` or why its last data channel
/// failed.
struct visitor_refused {
  std::string_view service;
  const address& visitor;
  std::error_code error;
};

/// The service leads back to itself: its `local_addr` on the client reaches a port of this server at
/// which visitors of the service connect, so that each visitor causes another one. Visitors that come
/// from the client's address are refused for `refused_for`.
struct service_loops {
  std::string_view service;
  const address& client;
  duration refused_for;
};

/// A visitor's TCP connection is being forwarded.
struct forward_started {
  std::string_view service;
  const address& visitor;
  /// Names the connection until its `forward_ended`; the server never uses it again.
  std::uint64_t id;
};

/// A forwarded connection ended: bytes from the visitor and to it, and why if it broke.
struct forward_ended {
  std::string_view service;
  const address& visitor;
  /// That of its `forward_started`.
  std::uint64_t id;
  std::uint64_t received;
  std::uint64_t sent;
  std::error_code error;
};

/// Datagrams of a UDP service were lost on this side, as `since` counts what happened since this was
/// told last; told at once for the first loss, and then once in `within`.
struct datagrams_lost {
  std::string_view service;
  const protocol::udp_counters& since;
  duration within;
};

}  // namespace rathole::server
