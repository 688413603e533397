#pragma once

#include <chrono>
#include <optional>

namespace rathole::io {

/// The way to dial a TCP connection, and the options that are set on it once it is established. An
/// option that the system refuses is not an error, because the connection works without it. Compat:
/// as in upstream.
struct socket_options {
  /// TCP_NODELAY; unset leaves the socket unchanged.
  std::optional<bool> nodelay = true;
  /// The idle time before the first keepalive probe; zero leaves keepalive off.
  std::chrono::seconds keepalive_idle{0};
  /// The time between keepalive probes; zero keeps the system's value.
  std::chrono::seconds keepalive_interval{0};
  /// TCP_USER_TIMEOUT (RFC 5482): how long sent bytes may stay unacknowledged, or a receiver's
  /// window closed. Zero turns it off; unset leaves the socket unchanged.
  std::optional<std::chrono::milliseconds> user_timeout;
  /// Whether closing the socket resets the connection, also when the process ends without closing
  /// it. It is for connections that end in order only if a relay says so. Unset leaves the socket
  /// unchanged.
  std::optional<bool> reset_on_close;
  /// How many bytes may be unsent in the system's buffer until it takes no more (TCP_NOTSENT_LOWAT);
  /// unset leaves the socket unchanged.
  std::optional<unsigned> unsent_limit;
  /// Whether IPv6 addresses are dialled first; otherwise the family that the resolver returns
  /// first.
  bool prefer_ipv6 = false;

  /// Makes the default options.
  socket_options() = default;
};

}  // namespace rathole::io
