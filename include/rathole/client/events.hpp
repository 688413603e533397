#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/udp_counters.hpp>

#include <cstdint>
#include <string_view>
#include <system_error>

/// What a client tells its observer. Events are views that live as long as the call.
namespace rathole::client {

/// A service's control channel is being opened.
struct control_channel_starting {
  std::string_view service;
  const address& remote;
};

/// The server accepted the service's token.
struct control_channel_established {
  std::string_view service;
  const address& remote;
};

/// A service's control channel was not established, or broke; the next attempt comes `retry_in`
/// from now. `established` tells the two apart. `is_displaced`: the server accepted the client and
/// closed the channel soon, again and again; most likely another client serves the same service.
struct control_channel_failed {
  std::string_view service;
  const address& remote;
  std::error_code error;
  duration retry_in;
  bool established;
  const config::client& settings;
  bool is_displaced = false;
};

/// A service's control channel was closed from this side, for good: the client stops, or has the
/// service no more. `was_established` tells whether it stood.
struct control_channel_closed {
  std::string_view service;
  bool was_established;
};

/// A data channel that the server asked for came to nothing: `errc::limit_reached` if it was one
/// forward too many, `errc::unexpected_traffic` if the server forwards TCP and this side UDP or the
/// reverse, and others.
struct data_channel_failed {
  std::string_view service;
  std::error_code error;
};

/// The local service did not accept a connection; its visitor is turned away.
struct local_connect_failed {
  std::string_view service;
  const address& local;
  std::error_code error;
};

/// A visitor's TCP connection is being forwarded to the local service.
struct forward_started {
  std::string_view service;
  /// Names the connection until its `forward_ended`; the client never uses it again.
  std::uint64_t id;
};

/// A forwarded connection ended: bytes from the visitor and to it, and why if it broke.
struct forward_ended {
  std::string_view service;
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

}  // namespace rathole::client
