#pragma once

#include <cstdint>

namespace rathole::protocol {

/// Datagrams of a UDP service that one side carried or could not carry.
struct udp_counters {
  /// Given to the tunnel, and taken from it.
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  /// Lost because too much waited for a data channel, or there was none.
  std::uint64_t queue_full = 0;
  /// Lost because the system did not take them: too long, unreachable, no buffer.
  std::uint64_t refused = 0;
  /// From a tunnel, for a visitor that is not known: he was idle for too long, or never was.
  std::uint64_t unknown_visitor = 0;
  /// Visitors that were forgotten to make room for others.
  std::uint64_t evicted = 0;

  /// Datagrams that were lost here.
  [[nodiscard]] std::uint64_t lost() const { return queue_full + refused + unknown_visitor; }

  [[nodiscard]] bool operator==(const udp_counters&) const = default;
};

}  // namespace rathole::protocol
