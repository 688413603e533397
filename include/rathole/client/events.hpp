#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/event_list.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/live_connection.hpp>
#include <rathole/protocol/udp_counters.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <system_error>

// The events that a client reports to its observer. They are views that are valid only during the
// call.

namespace rathole::client_side {

/// The server of an event that names none.
inline const address no_server;

/// Reports that a service begins to open its control channel.
struct control_channel_starting {
  /// The name of the service.
  std::string_view service;
  /// The address of the server, as the settings name it.
  const address& remote;
};

/// Reports that the server accepted the service's token.
struct control_channel_established {
  /// The name of the service.
  std::string_view service;
  /// The address of the server that answered.
  const address& remote;
  /// The address of the server, as the settings name it.
  const address& server = no_server;
};

/// Reports that a service's control channel could not be established or broke.
struct control_channel_failed {
  /// The name of the service.
  std::string_view service;
  /// The address of the server, as the settings name it.
  const address& remote;
  /// The reason.
  std::error_code error;
  /// The time until the next attempt.
  duration retry_in;
  /// Whether the channel was established before it broke.
  bool established;
  /// The settings of the client.
  const config::client& settings;
  /// Whether the server has repeatedly accepted and soon closed the channel; most likely another
  /// client serves the same service.
  bool is_displaced = false;
  /// Whether the client has given the service up after `max_retries`, and attempts nothing before the next
  /// update of its settings.
  bool gives_up = false;
  /// The address of the server that the next attempt goes to, as the settings name it.
  const address& next = no_server;
};

/// Reports that a service's control channel was closed from this side and will not be re-opened,
/// because the client stops or no longer has the service.
struct control_channel_closed {
  /// The name of the service.
  std::string_view service;
  /// Whether the channel was established.
  bool was_established;
  /// The address of the server, as the settings name it.
  const address& server = no_server;
};

/// Reports that a data channel that the server requested failed. The error is `errc::limit_reached`
/// if it was beyond `max_forwards`, or waited too long for its turn among `max_dials`,
/// `errc::unexpected_traffic` if one side forwards TCP and the other UDP, or another one.
struct data_channel_failed {
  /// The name of the service.
  std::string_view service;
  /// The reason.
  std::error_code error;
  /// The address of the server, as the settings name it.
  const address& server = no_server;
  /// Whether the server could not be dialled for it until the client gave up; `error` is that of the
  /// last attempt.
  bool in_dial = false;
};

/// Reports that the local service did not accept a connection, at none of its addresses; its visitor is rejected. For a UDP
/// service: that a visitor's socket could not be opened, or, at most once in
/// `io::udp_report_interval`, that datagrams do not reach the local service.
struct local_connect_failed {
  /// The name of the service.
  std::string_view service;
  /// The address of the local service; if it has several, the one that was tried last.
  const address& local;
  /// The reason.
  std::error_code error;
};

/// Reports that a local address of a service that has several, or a health check, is down, so that visitors go
/// to the others, or that it is up again; see `target_choice`.
struct local_target_changed {
  /// The name of the service.
  std::string_view service;
  /// The address.
  const address& local;
  /// Why it is down; no error if it is up.
  std::error_code reason;
};

/// Reports that a visitor's TCP connection is forwarded to the local service.
struct forward_started {
  /// The name of the service.
  std::string_view service;
  /// The number that identifies the connection until its `forward_ended`; the client never reuses
  /// it.
  std::uint64_t id;
  /// The connection, while it is forwarded; null unless the client follows traffic.
  const std::shared_ptr<io::live_connection>& connection = io::no_live_connection;
};

/// Reports that a forwarded connection has ended.
struct forward_ended {
  /// The name of the service.
  std::string_view service;
  /// The `id` of its `forward_started`.
  std::uint64_t id;
  /// The bytes received from the visitor.
  std::uint64_t received;
  /// The bytes sent to the visitor.
  std::uint64_t sent;
  /// Why the connection broke; no error if it ended in order.
  std::error_code error;
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
/// are visitors or traffic. Only a client that follows traffic reports it.
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

/// Reports that a UDP service leads back to itself: what the client sends to `local` returns as
/// datagrams of visitors of the service. It is reported at most once in `within`.
struct service_loops {
  /// The name of the service.
  std::string_view service;
  /// The service's `local_addr`.
  const address& local;
  /// The number of datagrams that were dropped since the last report.
  std::uint64_t dropped;
  /// The shortest time between two reports.
  duration within;
};

/// Reports that the server does not multiplex, so that each control and data channel is a connection
/// of its own, as without `multiplex`. It is reported once for each server.
struct multiplexing_refused {
  /// The address of the server.
  const address& remote;
  /// How the server refused: usually `errc::end_of_stream`, because it closed the connection.
  std::error_code error;
  /// The time after which the client asks again.
  duration retry_in;
  /// The settings of the client.
  const config::client& settings;
};

/// All events of a client; a new one belongs in this list.
struct all_events
    : event_list<control_channel_starting, control_channel_established, control_channel_failed,
                 control_channel_closed, data_channel_failed, local_connect_failed,
                 local_target_changed, forward_started, forward_ended, datagrams_lost,
                 datagrams_carried, service_loops, multiplexing_refused> {};

}  // namespace rathole::client_side

/// The events of a client are events.
template <class T>
  requires rathole::OneOf<T, rathole::client_side::all_events>
inline constexpr bool rathole::is_event<T> = true;
