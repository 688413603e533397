#pragma once

#include <rathole/core/require_cxx23.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

/// The values that apply where a configuration gives none. A value marked "Compat" is upstream's;
/// the others belong to keys that upstream does not have.
namespace rathole::config::defaults {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// The default of `client.heartbeat_timeout`. Compat: upstream's value.
inline constexpr milliseconds heartbeat_timeout = seconds(40);
/// The default of `server.heartbeat_interval`. Compat: upstream's value.
inline constexpr milliseconds heartbeat_interval = seconds(30);
/// The default of `retry_interval`, the longest pause between reconnection attempts. Compat:
/// upstream's value.
inline constexpr milliseconds retry_interval = seconds(1);

/// The default time for each step of a connection attempt to the server.
inline constexpr milliseconds connect_timeout = seconds(10);
/// The default time that a client waits for the server's Hello, and then for its Ack.
inline constexpr milliseconds client_handshake_timeout = seconds(10);
/// The default time that a server allows for each step from the accept of a connection to a
/// valid Auth.
inline constexpr milliseconds server_handshake_timeout = seconds(5);
/// The default limit on unauthenticated connections to a server at the same time.
inline constexpr std::size_t max_handshakes = 1024;
/// The default limit on unauthenticated connections from one address at the same time.
inline constexpr std::size_t max_handshakes_per_address = 64;
/// The default time that active connections may continue after the instance was asked to stop.
inline constexpr milliseconds shutdown_grace = seconds(10);
/// The default time that a connection may be idle once the instance was asked to stop.
inline constexpr milliseconds shutdown_idle_timeout = seconds(1);
/// The default limit on data channels of one control channel that dial or wait for a visitor at
/// the same time.
inline constexpr std::size_t max_dials = 256;
/// The default limit on active forwarded connections of one client.
inline constexpr std::size_t max_forwards = 16'384;

/// The default number of ready data channels of a TCP service. Compat: upstream's value.
inline constexpr std::size_t tcp_pool_size = 8;
/// The default number of data channels of a UDP service. Compat: upstream's value.
inline constexpr std::size_t udp_pool_size = 2;
/// The default number of ready data channels to which the pool of a TCP service grows in a burst.
inline constexpr std::size_t pool_max_size = 64;
/// The default limit on idle data channels of a client for one service.
inline constexpr std::size_t pool_max_idle = 256;
/// The default time that a visitor waits for a data channel.
inline constexpr milliseconds visitor_timeout = seconds(10);
/// The default limit on waiting visitors of one service.
inline constexpr std::size_t max_waiting_visitors = 2048;

/// The default limit on clients that share the visitors of one service.
inline constexpr std::size_t max_clients = 64;

/// The default time that a UDP visitor is remembered without traffic. Compat: upstream's value.
inline constexpr milliseconds udp_idle_timeout = seconds(60);
/// The default limit on remembered UDP visitors of one service.
inline constexpr std::size_t udp_max_visitors = 4096;
/// The default limit on the frames that wait for one UDP data channel, in bytes.
inline constexpr std::size_t udp_queue_size = std::size_t{1} << 20;

/// The default idle timeout of a forwarded connection; 0 means none.
inline constexpr milliseconds forward_idle_timeout = seconds(0);
/// The default idle timeout of a forwarded connection once one side has ended its direction.
inline constexpr milliseconds forward_half_close_timeout = seconds(600);
/// The default time between two health checks of a local address.
inline constexpr milliseconds health_check_interval = seconds(10);
/// The default time that a health check may take.
inline constexpr milliseconds health_check_timeout = seconds(3);
/// The default number of failed health checks after which a local address counts as down. HAProxy's value.
inline constexpr std::size_t health_check_fall = 3;
/// The default number of successful ones after which it counts as up again. HAProxy's value.
inline constexpr std::size_t health_check_rise = 2;

/// The default time that the program waits for its control channels at start before it reports
/// readiness.
inline constexpr milliseconds ready_timeout = seconds(10);

/// The default number of connections that multiplexed streams are spread over.
inline constexpr std::size_t connections = 1;

/// The default of TCP_NODELAY. Compat: upstream's value.
inline constexpr bool nodelay = true;
/// The default of the TCP keepalive idle time. Compat: upstream's value.
inline constexpr seconds keepalive_secs{20};
/// The default of the TCP keepalive probe interval. Compat: upstream's value.
inline constexpr seconds keepalive_interval{8};
/// The default of TCP_USER_TIMEOUT.
inline constexpr milliseconds user_timeout = seconds(20);

/// The default time for which a server postpones the end of a visitor's direction, counted from the
/// last bytes of the service, if the TLS engine cannot end one direction alone. A late response to
/// a half-closed request arrives if it begins within this time.
inline constexpr milliseconds visitor_end_hold = seconds(1);
/// The default time for which a client postpones the end of a service's direction in the same case.
/// It is shorter because a service that has ended its direction has responded, and usually has
/// closed the connection.
inline constexpr milliseconds service_end_hold = milliseconds(50);

/// The default of the Noise pattern. Compat: upstream's value.
inline constexpr const char* noise_pattern = "Noise_NK_25519_ChaChaPoly_BLAKE2s";

}  // namespace rathole::config::defaults
