#pragma once

#include <chrono>
#include <optional>

namespace rathole::io {

/// How a TCP connection is dialled, and what is set on it right after it stands. A refused option is
/// not an error: the connection works without it (Compat: so does upstream's).
struct socket_options {
  /// TCP_NODELAY; unset leaves the socket as it is.
  std::optional<bool> nodelay = true;
  /// Idle time before the first keepalive probe; zero leaves keepalive off.
  std::chrono::seconds keepalive_idle{0};
  /// Time between keepalive probes; zero leaves the system's value.
  std::chrono::seconds keepalive_interval{0};
  /// TCP_USER_TIMEOUT (RFC 5482): how long sent octets may stay unacknowledged, or a receiver's
  /// window shut; zero turns it off, unset leaves the socket as it is.
  std::optional<std::chrono::milliseconds> user_timeout;
  /// Whether closing the socket resets the connection, also when the process ends without closing
  /// it: for connections that end in order only where a relay says so. Unset leaves it as it is.
  std::optional<bool> reset_on_close;
  /// Of a dial: IPv6 addresses before IPv4 ones, else the resolver's first family first.
  bool prefer_ipv6 = false;

  socket_options() = default;
};

}  // namespace rathole::io
