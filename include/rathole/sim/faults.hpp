#pragma once

#include <rathole/core/time.hpp>
#include <rathole/sim/seeded_rng.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <system_error>

namespace rathole::sim {

/// Returns `why` as an error of the system, as sockets report it.
inline std::error_code system_error(std::errc why) {
  return {static_cast<int>(why), std::system_category()};
}

/// The behaviour of a link between two hosts. A change applies to what is sent or read from then
/// on.
struct link_conditions {
  /// The shortest delay of a packet. Each packet takes a random time from this to `max_delay`;
  /// the packets of one direction of a connection do not overtake each other.
  duration min_delay = std::chrono::milliseconds(1);
  /// The longest delay of a packet.
  duration max_delay = std::chrono::milliseconds(1);
  /// The largest size of a read, in bytes. If set, each read returns a random number of bytes from
  /// 1 to this; otherwise it returns everything that has arrived.
  std::size_t max_read = std::numeric_limits<std::size_t>::max();
  /// How many bytes one side may have sent that the other has not read; then writing waits.
  std::size_t window = 64 * 1024;
  /// How many of a thousand datagrams are lost. Datagrams overtake each other as their delays
  /// determine.
  unsigned datagram_loss = 0;

  /// Makes the conditions of a good network.
  link_conditions() = default;
};

/// Counts the network operations of one host (connect, listen, accept, read, write, wait) and makes
/// a chosen one fail. A test that counts the operations of a good run, and then fails each of them
/// in turn, covers every error path. It also chooses which operations complete at once, as those of
/// real sockets do when they need not wait.
class operation_counter {
 public:
  /// Makes a count of zero. `seed` determines which operations complete at once.
  explicit operation_counter(std::uint64_t seed) : rng_(seed) {}

  /// Sets how many of a thousand operations complete without suspending their coroutine if they
  /// can; at first none do.
  void complete_at_once(unsigned of_a_thousand) { at_once_ = of_a_thousand; }

  /// Returns whether the operation that begins now may complete without suspending its coroutine.
  [[nodiscard]] bool may_complete_at_once() {
    return at_once_ > 0 && rng_.between(1, 1000) <= at_once_;
  }

  /// Returns how many operations have begun.
  [[nodiscard]] std::uint64_t count() const { return count_; }

  /// Makes the operation fail with `why` that raises `count()` to `number`; on a stream this ends
  /// the connection. Only one operation can be chosen at a time.
  void fail_at(std::uint64_t number, std::errc why) {
    failing_ = number;
    error_ = system_error(why);
  }

  /// Returns whether a chosen operation is still to come.
  [[nodiscard]] bool is_set() const { return failing_ > count_; }

  /// Counts one more operation; returns its error if it must fail.
  std::error_code tick() { return ++count_ == failing_ ? error_ : std::error_code(); }

 private:
  std::uint64_t count_ = 0;
  std::uint64_t failing_ = 0;
  std::error_code error_;
  seeded_rng rng_;
  unsigned at_once_ = 0;
};

}  // namespace rathole::sim
