#pragma once

#include <rathole/config/types.hpp>
#include <rathole/io/socket_options.hpp>

#include <chrono>
#include <optional>

namespace rathole::transport {

/// The socket options that a `[*.transport.tcp]` table asks for.
inline io::socket_options to_socket_options(const config::tcp_options& settings) {
  io::socket_options options;
  options.nodelay = settings.nodelay;
  options.keepalive_idle = settings.keepalive_secs;
  options.keepalive_interval = settings.keepalive_interval;
  options.user_timeout = settings.user_timeout;
  return options;
}

/// The socket options of a client's connections to its server.
inline io::socket_options to_socket_options(const config::client& settings) {
  io::socket_options options = to_socket_options(settings.transport.tcp);
  options.prefer_ipv6 = settings.prefer_ipv6;
  return options;
}

/// The socket options of connections that carry a visitor's traffic: keepalive as the transport's.
/// TCP_USER_TIMEOUT is off there: Linux also ends a connection whose receiver keeps its window shut
/// for that long, and a receiver that pauses is not dead. Unless a relay ends such a connection in
/// order it is reset, so that its peer does not take what came for all there is.
inline io::socket_options to_traffic_options(const config::tcp_options& settings,
                                             std::optional<bool> nodelay) {
  io::socket_options options = to_socket_options(settings);
  options.nodelay = nodelay;
  options.user_timeout = std::chrono::milliseconds(0);
  options.reset_on_close = true;
  return options;
}

}  // namespace rathole::transport
