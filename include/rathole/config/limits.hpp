#pragma once

#include <rathole/core/require_cxx23.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

/// The limits of what a configuration may ask for; a larger value is a problem. Compat: upstream
/// accepts any number and then fails, or waits without end, at run time.
namespace rathole::config::limits {

/// The largest size of a configuration file, in bytes.
inline constexpr std::size_t file_size = std::size_t{16} << 20;
/// The most names and patterns of the key `include`.
inline constexpr std::size_t includes = 64;
/// The most files that a configuration includes.
inline constexpr std::size_t included_files = 4096;
/// The most entries of a folder that is searched for files to include.
inline constexpr std::size_t folder_entries = 65'536;
/// The longest time that a pipe may take to deliver a configuration.
inline constexpr std::chrono::seconds pipe_timeout{10};
/// The most dots in one line outside of strings and comments, and so the parts of a dotted key.
inline constexpr std::size_t dots_in_line = 1024;
/// The longest duration, in seconds: ten years.
inline constexpr std::int64_t duration_seconds = std::int64_t{10} * 365 * 24 * 60 * 60;
/// The longest TCP keepalive time that Linux accepts, in seconds.
inline constexpr std::int64_t keepalive_seconds = 32'767;
/// The longest TCP_USER_TIMEOUT that Linux accepts, in seconds: 2^31 - 1 ms.
inline constexpr std::int64_t user_timeout_seconds = 2'147'483;
/// The most data channels of one service that are dialled or idle.
inline constexpr std::int64_t channels = 65'536;
/// The most unauthenticated connections to a server.
inline constexpr std::int64_t handshakes = 65'536;
/// The most forwarded connections of one client.
inline constexpr std::int64_t forwards = 1'048'576;
/// The most retries of a client.
inline constexpr std::int64_t retries = 1'000'000'000;
/// The most worker threads of one client or server.
inline constexpr std::int64_t workers = 256;
/// The most connections of one client that carry multiplexed streams.
inline constexpr std::int64_t connections = 16;
/// The most remembered UDP visitors of one service.
inline constexpr std::int64_t udp_visitors = 1'048'576;
/// The smallest limit on the frames that wait for one UDP data channel, in bytes: the largest
/// frame.
inline constexpr std::int64_t min_udp_queue = 65'792;
/// The largest limit on the frames that wait for one UDP data channel, in bytes: 1 GiB.
inline constexpr std::int64_t udp_queue = std::int64_t{1} << 30;
/// The most data channels of one UDP service.
inline constexpr std::int64_t udp_channels = 64;
/// The most addresses of one listener.
inline constexpr std::size_t bind_addresses = 64;
/// The most local addresses of one service.
inline constexpr std::size_t local_addresses = 16;
/// The most health checks in a row that change the state of an address.
inline constexpr std::int64_t health_checks = 100;
/// The longest target of the request of a health check, in bytes.
inline constexpr std::size_t health_check_path = 2048;
/// The most servers of one client.
inline constexpr std::size_t servers = 16;
/// The longest text with the values of its variables, in bytes.
inline constexpr std::size_t interpolated_size = std::size_t{64} << 10;
/// The largest file of a token, password or private key, in bytes.
inline constexpr std::size_t token_file_size = 4096;
/// The most ports of one range.
inline constexpr std::size_t port_range = 1000;
/// The most ports of all ranges of one side.
inline constexpr std::size_t ranged_ports = 10'000;
/// The most networks of one list.
inline constexpr std::size_t networks = 1024;
/// The most errors, and the most warnings, that are listed of one configuration; the others are counted.
inline constexpr std::size_t problems = 1000;
/// The largest size of the texts of the errors, and of those of the warnings, that are listed, in bytes.
inline constexpr std::size_t problem_text = std::size_t{1} << 20;
/// The most names by which the admin API is reached.
inline constexpr std::size_t admin_hosts = 64;
/// The most connections of one service that `max_connections` and `max_connections_per_address` allow.
inline constexpr std::int64_t service_connections = 1'048'576;
/// The highest rate of new connections of one address, a second, and its highest burst.
inline constexpr std::int64_t connection_rate = 1'000'000;
/// The smallest bandwidth of a service, in bytes a second: 1 KiB.
inline constexpr std::uint64_t min_bandwidth = 1024;
/// The largest bandwidth of a service, in bytes a second: 1 TiB.
inline constexpr std::uint64_t max_bandwidth = std::uint64_t{1} << 40;
/// The most clients that share the visitors of one service.
inline constexpr std::int64_t service_clients = 1024;
/// The most waiting visitors of one service.
inline constexpr std::int64_t waiting_visitors = 1'048'576;

}  // namespace rathole::config::limits
