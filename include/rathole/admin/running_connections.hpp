#pragma once

#include <rathole/io/live_connection.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

namespace rathole::admin {

/// A connection that is forwarded.
struct running_connection {
  /// The address of its visitor; empty on a client.
  std::string visitor;
  /// When it began.
  std::chrono::system_clock::time_point since;
  /// Its bytes, and what resets it; may be null.
  std::shared_ptr<io::live_connection> live;
};

/// The connections of a service by their numbers. There may be very many, and a hash table needs the
/// least memory.
using running_connections = std::unordered_map<std::uint64_t, running_connection>;

/// Returns what a connection has carried so far.
inline io::carried_bytes carried_by(const running_connection& each) {
  return each.live ? each.live->carried() : io::carried_bytes();
}

/// Adds to `sums`, the counters of a service or program, what the connections have carried so far.
template <class Counters>
void add_carried(const running_connections& of, Counters& sums) {
  for (const auto& [id, each] : of) {
    const io::carried_bytes carried = carried_by(each);
    sums.received += carried.received;
    sums.sent += carried.sent;
  }
}

}  // namespace rathole::admin
