#pragma once

#include <cstdint>

namespace rathole::protocol {

/// Counts the datagrams of a UDP service that one side carried or lost.
struct udp_counters {
  /// Datagrams that were sent into the tunnel.
  std::uint64_t sent = 0;
  /// Datagrams that were received from the tunnel.
  std::uint64_t received = 0;
  /// Datagrams that were lost because too many waited for a data channel, or there was none.
  std::uint64_t queue_full = 0;
  /// Datagrams that were lost because the system did not take them: too long, unreachable, no
  /// buffer. If the program itself serves the visitors: because it does not receive them, or too
  /// slowly.
  std::uint64_t refused = 0;
  /// Datagrams from the tunnel for an unknown visitor, which was idle for too long or never
  /// existed.
  std::uint64_t unknown_visitor = 0;
  /// Visitors that were forgotten to make room for others.
  std::uint64_t evicted = 0;

  /// Returns the number of datagrams that were lost on this side.
  [[nodiscard]] std::uint64_t lost() const { return queue_full + refused + unknown_visitor; }

  /// Adds the members of `other`.
  udp_counters& operator+=(const udp_counters& other) {
    sent += other.sent;
    received += other.received;
    queue_full += other.queue_full;
    refused += other.refused;
    unknown_visitor += other.unknown_visitor;
    evicted += other.evicted;
    return *this;
  }

  /// Returns what was counted since `earlier`, a former value of these counters.
  [[nodiscard]] udp_counters operator-(const udp_counters& earlier) const {
    return {.sent = sent - earlier.sent,
            .received = received - earlier.received,
            .queue_full = queue_full - earlier.queue_full,
            .refused = refused - earlier.refused,
            .unknown_visitor = unknown_visitor - earlier.unknown_visitor,
            .evicted = evicted - earlier.evicted};
  }

  /// Compares all members.
  [[nodiscard]] bool operator==(const udp_counters&) const = default;
};

}  // namespace rathole::protocol
