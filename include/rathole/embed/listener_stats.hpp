#pragma once

#include <rathole/core/time.hpp>
#include <rathole/version.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace rathole::embed::inline RATHOLE_ABI {

/// The default number of data channels of a listener that are kept ready or whose visitors wait to
/// be accepted.
inline constexpr std::size_t default_backlog = 32;
/// The default time that a visitor waits to be accepted.
inline constexpr duration default_accept_timeout = std::chrono::seconds(10);

/// What a listener has done so far.
struct listener_stats {
  /// The visitors that were accepted.
  std::uint64_t accepted = 0;
  /// The visitors that nobody accepted in time, or that waited when the listener was closed or the
  /// client ended their connections.
  std::uint64_t refused = 0;
  /// The visitors that wait to be accepted.
  std::size_t waiting = 0;
  /// The visitors that were accepted and whose streams are open.
  std::size_t active = 0;
  /// The bytes received from visitors whose streams are closed.
  std::uint64_t received = 0;
  /// The bytes sent to visitors whose streams are closed.
  std::uint64_t sent = 0;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
