#pragma once

#include <rathole/version.hpp>

#include <cstddef>
#include <cstdint>

namespace rathole::embed::inline RATHOLE_ABI {

/// The default number of bytes of datagrams that wait to be received by the program.
inline constexpr std::size_t default_datagram_backlog = std::size_t{1} << 20;

/// What a listener for datagrams has done so far.
struct datagram_stats {
  /// The datagrams that calls of `async_receive_from` took.
  std::uint64_t received = 0;
  /// The datagrams that were lost because nobody received them in time, so that too many waited.
  std::uint64_t dropped = 0;
  /// The datagrams that were queued for visitors.
  std::uint64_t sent = 0;
  /// The datagrams to visitors that were lost on this side: the visitor was idle for too long, there
  /// was no data channel, or too many waited for it.
  std::uint64_t unsent = 0;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
