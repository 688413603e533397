#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/event_list.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/live_connection.hpp>
#include <rathole/protocol/udp_counters.hpp>
#include <rathole/server/refusals.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <system_error>

// The events that a server reports to its observer. They are views that are valid only during the
// call.

namespace rathole::server_side {

/// Reports that clients can connect.
struct listening {
  /// The address that is bound, with the real port.
  const address& at;
  /// The IPv6 wildcard in the settings, if `at` replaces it because the host has no IPv6; otherwise
  /// null.
  const address* in_place_of = nullptr;
};

/// Reports, once at start, that the server listens on all its addresses.
struct ready {};

/// Reports that visitors of a service can connect.
struct service_listening {
  /// The name of the service.
  std::string_view service;
  /// The address that is bound, with the real port.
  const address& at;
  /// As in `listening`.
  const address* in_place_of = nullptr;
};

/// Returns the address in the settings if `local`, to which a socket is really bound, is an IPv4
/// address that replaces it because the host has no IPv6; otherwise null.
inline const address* replaced_by(const address& local, const address& wanted) {
  return wanted.host.contains(':') && !local.host.contains(':') ? &wanted : nullptr;
}

/// Reports that the server does not listen on the wildcard `::` of a list of addresses, because the
/// host has no IPv6 and the list names `0.0.0.0` with the same port.
struct address_left_out {
  /// The name of the service; empty for the clients' listener.
  std::string_view service;
  /// The wildcard and its port.
  const address& at;
};

/// Reports that the client of a UDP service has fewer data channels than new settings say, because the
/// descriptors do not allow more.
struct data_channels_limited {
  /// The name of the service.
  std::string_view service;
  /// The address of the client.
  const address& client;
  /// How many the settings say.
  std::size_t wanted;
  /// How many the client may have until the settings change or it connects again.
  std::size_t allowed;
};

/// Reports that an address of a service cannot be bound; the server retries.
struct service_bind_failed {
  /// The name of the service.
  std::string_view service;
  /// The address in the settings.
  const address& at;
  /// The reason.
  std::error_code error;
  /// The time until the next attempt.
  duration retry_in;
  /// Whether the attempt before failed for the same reason.
  bool repeated = false;
};

/// Reports that an address for clients, which was closed for an update that failed, cannot be bound
/// again; the server retries.
struct listener_lost {
  /// The address in the settings.
  const address& at;
  /// The reason.
  std::error_code error;
  /// The time until the next attempt.
  duration retry_in;
  /// Whether the attempt before failed for the same reason.
  bool repeated = false;
};

/// Reports, once for each cause, that a listener could not accept; it continues after a pause.
struct accept_failed {
  /// The name of the service; empty for a listener for clients.
  std::string_view service;
  /// The reason.
  std::error_code error;
  /// The time until the next attempt.
  duration retry_in;
};

/// Reports that a connection to the clients' port ended before it became a control or data channel.
/// The error is `errc::timed_out`, `errc::limit_reached` if it was dropped because there were too
/// many, or another one. Anybody can cause these events; see `connections_refused`.
struct handshake_failed {
  /// The peer.
  const address& peer;
  /// The reason.
  std::error_code error;
  /// The settings of the server.
  const config::server& settings;
};

/// Reports that a client asked for a service that this server does not have.
struct unknown_service {
  /// The address of the client.
  const address& peer;
  /// The digest of the service's name, in hexadecimal.
  std::string_view digest;
  /// Whether this is not the first such event in the current interval of `connections_refused`.
  bool repeated = false;
};

/// Reports that a client used a wrong token, or that the program's `authenticator` refused it.
struct authentication_failed {
  /// The name of the service.
  std::string_view service;
  /// The address of the client.
  const address& peer;
  /// Whether this is not the first such event in the current interval of `connections_refused`.
  bool repeated = false;
};

/// Reports, at the end of an interval, all connections that were refused in it; each was reported
/// as an event of its own before. There is no report if the only events were the first
/// `unknown_service` or `authentication_failed`.
struct connections_refused {
  /// The summary.
  const refusal_summary& what;
};

/// Reports that a client serves the service.
struct control_channel_established {
  /// The name of the service.
  std::string_view service;
  /// The address of the client.
  const address& peer;
};

/// Reports that a new client replaces the one that has served the service so far.
struct control_channel_replaced {
  /// The name of the service.
  std::string_view service;
  /// The client that is replaced.
  const address& peer;
  /// The new client.
  const address& by;
};

/// Reports that a client that knows the token is refused, because the service takes no more clients or
/// there are no descriptors for one.
struct client_refused {
  /// The name of the service.
  std::string_view service;
  /// The address of the client.
  const address& peer;
  /// The `on_conflict` of the service: `reject`, or `balance` if there are `max_clients`.
  config::conflict_policy policy;
  /// Whether it is not the first of the service in `refusal_interval`, so that it should only be counted.
  bool repeated = false;
  /// The reason: `errc::service_in_use`, or EMFILE if its control channel and listeners would take the
  /// descriptors of visitors.
  std::error_code error = errc::service_in_use;
};

/// Reports that the control channel of a service has ended.
struct control_channel_closed {
  /// The name of the service.
  std::string_view service;
  /// The address of the client.
  const address& peer;
  /// The reason.
  std::error_code error;
  /// The time since the channel was established.
  duration lasted;
  /// The settings of the server.
  const config::server& settings;
};

/// Reports that the client's side ended a data channel of a UDP service.
struct udp_channel_lost {
  /// The name of the service.
  std::string_view service;
  /// The address of the client.
  const address& peer;
  /// The time since the channel was started.
  duration lived;
  /// The reason.
  std::error_code error;
};

/// Reports that a visitor was rejected.
struct visitor_refused {
  /// The name of the service.
  std::string_view service;
  /// The address of the visitor.
  const address& visitor;
  /// The reason: `errc::address_denied`, `errc::too_many_connections`, `errc::too_many_of_address`,
  /// `errc::too_many_new_connections`, `errc::visitor_rejected`, `errc::draining`, `errc::limit_reached`,
  /// `errc::timed_out`, `errc::malformed_proxy_header`, or why its last data channel failed.
  std::error_code error;
  /// It came from the client's own address, while many such connections had no answer: the service
  /// may lead back to itself.
  bool may_loop = false;
  /// It came from a trusted proxy, and the header of the PROXY protocol did not arrive or was wrong.
  bool has_no_header = false;
  /// It has one of the first four reasons, and is not the first of the service with that reason in
  /// `refusal_interval`, so that it should only be counted.
  bool repeated = false;
};

/// Reports that a client of a TCP service did not serve a visitor, which now waits for another one.
struct visitor_failed_over {
  /// The name of the service.
  std::string_view service;
  /// The address of the visitor.
  const address& visitor;
  /// The client that did not serve it.
  const address& client;
  /// Why: `errc::timed_out` if there was no data channel in time, why none could be started, why the control
  /// channel ended, or `errc::limit_reached` if too many visitors wait for it.
  std::error_code error;
  /// Whether new visitors avoid the client from now on, for a while.
  bool is_skipped = false;
};

/// Reports that a service leads back to itself: its `local_addr` on the client reaches a port of
/// this server that belongs to the service, so that each visitor causes another one.
struct service_loops {
  /// The name of the service.
  std::string_view service;
  /// The address of the client.
  const address& client;
};

/// Reports that a visitor's TCP connection is being forwarded, or that the program itself has
/// become the visitor; see `basic_server::connect`.
struct forward_started {
  /// The name of the service.
  std::string_view service;
  /// The address of the visitor.
  const address& visitor;
  /// The number that identifies the connection until its `forward_ended`; the server never reuses
  /// it.
  std::uint64_t id;
  /// The time that the visitor waited for a data channel.
  duration waited{};
  /// The connection, while it is forwarded; null unless the server follows traffic.
  const std::shared_ptr<io::live_connection>& connection = io::no_live_connection;
};

/// Reports that a forwarded connection has ended.
struct forward_ended {
  /// The name of the service.
  std::string_view service;
  /// The address of the visitor.
  const address& visitor;
  /// The `id` of its `forward_started`.
  std::uint64_t id;
  /// The bytes received from the visitor.
  std::uint64_t received;
  /// The bytes sent to the visitor.
  std::uint64_t sent;
  /// Why the connection broke; no error if it ended in order.
  std::error_code error;
  /// Whether it broke because the visitor's connection did.
  bool visitor_broke = false;
  /// The time since its `forward_started`.
  duration lasted{};
};

/// Reports that datagrams of a UDP service were lost on this side. The first loss is reported at
/// once, further ones once in `within`.
struct datagrams_lost {
  /// The name of the service.
  std::string_view service;
  /// The counters since the last report.
  const protocol::udp_counters& since;
  /// The shortest time between two reports.
  duration within;
};

/// Reports what a UDP service has carried since the last such report, once in `within` as long as there
/// are visitors or traffic. Only a server that follows traffic reports it.
struct datagrams_carried {
  /// The name of the service.
  std::string_view service;
  /// The counters since the last report.
  const protocol::udp_counters& since;
  /// How many visitors are remembered now.
  std::size_t visitors;
  /// The time between two reports.
  duration within;
};

/// All events of a server; a new one belongs in this list.
struct all_events
    : event_list<listening, ready, service_listening, address_left_out, data_channels_limited,
                 service_bind_failed, listener_lost, accept_failed, handshake_failed,
                 unknown_service, authentication_failed, connections_refused,
                 control_channel_established, control_channel_replaced, client_refused,
                 control_channel_closed, udp_channel_lost, visitor_refused, visitor_failed_over,
                 service_loops, forward_started, forward_ended, datagrams_lost, datagrams_carried> {
};

}  // namespace rathole::server_side

/// The events of a server are events.
template <class T>
  requires rathole::OneOf<T, rathole::server_side::all_events>
inline constexpr bool rathole::is_event<T> = true;
