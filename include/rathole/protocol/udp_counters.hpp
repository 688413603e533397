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
  /// Datagrams of new visitors whose addresses the settings refuse.
  std::uint64_t denied = 0;
  /// Datagrams of new visitors whose addresses have as many visitors as they may have.
  std::uint64_t over_address_limit = 0;
  /// Datagrams of new visitors whose addresses have new visitors faster than they may.
  std::uint64_t over_rate = 0;

  /// Returns the number of datagrams that were lost on this side.
  [[nodiscard]] std::uint64_t lost() const {
    return queue_full + refused + unknown_visitor + not_admitted();
  }
  /// Returns how many of these belong to visitors that were not admitted.
  [[nodiscard]] std::uint64_t not_admitted() const {
    return denied + over_address_limit + over_rate;
  }

  /// Adds the members of `other`.
  udp_counters& operator+=(const udp_counters& other) {
    sent += other.sent;
    received += other.received;
    queue_full += other.queue_full;
    refused += other.refused;
    unknown_visitor += other.unknown_visitor;
    evicted += other.evicted;
    denied += other.denied;
    over_address_limit += other.over_address_limit;
    over_rate += other.over_rate;
    return *this;
  }

  /// Returns what was counted since `earlier`, a former value of these counters.
  [[nodiscard]] udp_counters operator-(const udp_counters& earlier) const {
    return {.sent = sent - earlier.sent,
            .received = received - earlier.received,
            .queue_full = queue_full - earlier.queue_full,
            .refused = refused - earlier.refused,
            .unknown_visitor = unknown_visitor - earlier.unknown_visitor,
            .evicted = evicted - earlier.evicted,
            .denied = denied - earlier.denied,
            .over_address_limit = over_address_limit - earlier.over_address_limit,
            .over_rate = over_rate - earlier.over_rate};
  }

  /// Compares all members.
  [[nodiscard]] bool operator==(const udp_counters&) const = default;
};

}  // namespace rathole::protocol
