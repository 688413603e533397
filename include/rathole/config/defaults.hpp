#pragma once

#include <rathole/core/language.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

/// The values that hold where a configuration says nothing. Those without a "Compat:" are ours.
namespace rathole::config::defaults {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Compat: upstream's.
inline constexpr milliseconds heartbeat_timeout = seconds(40);
/// Compat: upstream's.
inline constexpr milliseconds heartbeat_interval = seconds(30);
/// Compat: upstream's; the upper bound of the reconnect backoff.
inline constexpr milliseconds retry_interval = seconds(1);

/// How long each step of reaching the server may take.
inline constexpr milliseconds connect_timeout = seconds(10);
/// How long a client waits for the server's Hello, and then for its Ack.
inline constexpr milliseconds client_handshake_timeout = seconds(10);
/// How long a server waits for each step from accepting a connection to a valid Auth.
inline constexpr milliseconds server_handshake_timeout = seconds(5);
/// Connections to a server that may be unauthenticated at once.
inline constexpr std::size_t max_handshakes = 1024;
/// The same from one address.
inline constexpr std::size_t max_handshakes_per_address = 64;
/// How long running forwards may go on after the instance was told to stop.
inline constexpr milliseconds shutdown_grace = seconds(10);
/// How long a forward may be without traffic once the instance was told to stop.
inline constexpr milliseconds shutdown_idle_timeout = seconds(1);
/// Data channels of one control channel that may dial or wait for a visitor at once.
inline constexpr std::size_t max_dials = 256;
/// Forwards of one client that may run at once.
inline constexpr std::size_t max_forwards = 16'384;

/// Compat: upstream's, for a TCP service.
inline constexpr std::size_t tcp_pool_size = 8;
/// Compat: upstream's, for a UDP service.
inline constexpr std::size_t udp_pool_size = 2;
/// Idle data channels that a client may hold for one service.
inline constexpr std::size_t pool_max_idle = 256;
/// How long a visitor waits for a data channel.
inline constexpr milliseconds visitor_timeout = seconds(10);
/// Visitors of one service that may wait at once.
inline constexpr std::size_t max_waiting_visitors = 2048;

/// How long a UDP visitor is remembered without traffic. Compat: upstream's.
inline constexpr milliseconds udp_idle_timeout = seconds(60);
/// UDP visitors of one service that are remembered at once.
inline constexpr std::size_t udp_max_visitors = 4096;
/// Octets of frames that wait for one UDP data channel.
inline constexpr std::size_t udp_queue_size = std::size_t{1} << 20;

/// How long a forward may stay without traffic; 0 is for ever.
inline constexpr milliseconds forward_idle_timeout = seconds(0);
/// How long a forward may stay without traffic once one side has ended its sending.
inline constexpr milliseconds forward_half_close_timeout = seconds(600);
/// How long a starting client waits for its control channels before it counts as ready.
inline constexpr milliseconds ready_timeout = seconds(10);

/// Compat: upstream's.
inline constexpr bool nodelay = true;
/// Compat: upstream's; TCP keepalive idle time.
inline constexpr seconds keepalive_secs{20};
/// Compat: upstream's; TCP keepalive probe interval.
inline constexpr seconds keepalive_interval{8};
/// TCP_USER_TIMEOUT.
inline constexpr milliseconds user_timeout = seconds(20);

/// How long a server holds back a visitor's end of sending, while the service is silent, under a TLS
/// engine that cannot end one direction alone: a late answer to a half-closed request gets through
/// within this time.
inline constexpr milliseconds visitor_end_hold = seconds(1);
/// The same for a client and a service's end. It is shorter because a service that has ended its
/// sending has answered: most have closed the connection altogether.
inline constexpr milliseconds service_end_hold = milliseconds(50);

/// Compat: upstream's.
inline constexpr const char* noise_pattern = "Noise_NK_25519_ChaChaPoly_BLAKE2s";

}  // namespace rathole::config::defaults
