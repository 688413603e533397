#pragma once

#include <rathole/core/language.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

/// What a configuration may ask for at most; beyond that it is a problem. Ours: upstream takes any
/// number and fails, or waits for ever, at run time.
namespace rathole::config::limits {

/// The size of a configuration file in octets.
inline constexpr std::size_t file_size = std::size_t{16} << 20;
/// How long a pipe may take to deliver a configuration.
inline constexpr std::chrono::seconds pipe_timeout{10};
/// The dots in one line outside of strings and comments, and so the parts of a dotted key.
inline constexpr std::size_t dots_in_line = 1024;
/// Durations in seconds: ten years.
inline constexpr std::int64_t duration_seconds = std::int64_t{10} * 365 * 24 * 60 * 60;
/// TCP keepalive times in seconds: what Linux takes.
inline constexpr std::int64_t keepalive_seconds = 32'767;
/// TCP_USER_TIMEOUT in seconds: what Linux takes, 2^31 - 1 ms.
inline constexpr std::int64_t user_timeout_seconds = 2'147'483;
/// Data channels of one service, be they dialled or idle.
inline constexpr std::int64_t channels = 65'536;
/// Connections to a server that are unauthenticated.
inline constexpr std::int64_t handshakes = 65'536;
/// Forwards of one client.
inline constexpr std::int64_t forwards = 1'048'576;
/// Threads of one client or server.
inline constexpr std::int64_t workers = 256;
/// UDP visitors of one service that are remembered.
inline constexpr std::int64_t udp_visitors = 1'048'576;
/// Octets of frames that wait for one UDP data channel: at least the largest frame, at most 1 GiB.
inline constexpr std::int64_t least_udp_queue = 65'792;
inline constexpr std::int64_t udp_queue = std::int64_t{1} << 30;
/// UDP data channels of one service.
inline constexpr std::int64_t udp_channels = 64;
/// Addresses of one listener.
inline constexpr std::size_t bind_addresses = 64;
/// Visitors of one service that wait.
inline constexpr std::int64_t waiting_visitors = 1'048'576;

}  // namespace rathole::config::limits
