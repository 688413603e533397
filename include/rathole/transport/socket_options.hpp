#pragma once

#include <rathole/config/limits.hpp>
#include <rathole/config/types.hpp>
#include <rathole/io/socket/options.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

namespace rathole::transport {

/// Returns the socket options that a `[*.transport.tcp]` table asks for.
inline io::socket_options to_socket_options(const config::tcp_options& settings) {
  io::socket_options options;
  options.nodelay = settings.nodelay;
  options.keepalive_idle = settings.keepalive_secs;
  options.keepalive_interval = settings.keepalive_interval;
  options.user_timeout = settings.user_timeout;
  return options;
}

/// Returns the socket options of a client's connections to its server.
inline io::socket_options to_socket_options(const config::client& settings) {
  io::socket_options options = to_socket_options(settings.transport.tcp);
  options.prefer_ipv6 = settings.prefer_ipv6;
  return options;
}

/// Returns the socket options of a client's data channel of a TCP service while it waits for a
/// visitor. A connection whose bytes stay unacknowledged is given up without a word to its peer, and
/// the server would start visitors' traffic on it for as long as the control channel lives. The
/// timeout is therefore at least twice that of the control channel's heartbeats: a network that is
/// back before the control channel has failed is noticed by the next retransmission, which comes
/// before the silence has doubled (RFC 6298, section 5.5).
inline io::socket_options to_waiting_options(const config::client& settings) {
  constexpr std::chrono::milliseconds most =
      std::chrono::seconds(config::limits::user_timeout_seconds);
  io::socket_options options = to_socket_options(settings);
  if (options.user_timeout->count() > 0) {
    const auto enough = 2 * std::min(settings.heartbeat_timeout, most / 2);
    options.user_timeout = std::max(*options.user_timeout, enough);
  }
  return options;
}

/// Returns the socket options of connections that carry a visitor's traffic, with the keepalive of
/// the transport. TCP_USER_TIMEOUT is off for them, because Linux also ends a connection whose
/// receiver keeps its window closed for that long, and a receiver that pauses is not dead. A
/// connection that is not closed in order by a relay is reset, so that its peer does not mistake a
/// part for the whole.
inline io::socket_options to_traffic_options(const config::tcp_options& settings,
                                             std::optional<bool> nodelay) {
  io::socket_options options = to_socket_options(settings);
  options.nodelay = nodelay;
  options.user_timeout = std::chrono::milliseconds(0);
  options.reset_on_close = true;
  return options;
}

}  // namespace rathole::transport
