#pragma once

#include <rathole/core/time.hpp>
#include <rathole/sim/scripted_rng.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <system_error>

namespace rathole::sim {

/// What sockets say about `why`: the system's number in the system's category.
inline std::error_code system_error(std::errc why) {
  return {static_cast<int>(why), std::system_category()};
}

/// How a link between two hosts behaves. Changes hold for what is sent or read from then on.
struct link_conditions {
  /// Each packet takes a random time in this range; packets of one direction of one connection do
  /// not overtake each other.
  duration shortest_delay = std::chrono::milliseconds(1);
  duration longest_delay = std::chrono::milliseconds(1);
  /// If set, each read yields a random number of octets from 1 to this. Otherwise it yields what
  /// is there.
  std::size_t longest_read = std::numeric_limits<std::size_t>::max();
  /// Octets that one side may have sent and the other not yet read; then writing waits.
  std::size_t window = 64 * 1024;
  /// Of a thousand datagrams, how many are lost. They overtake each other as their delays have it.
  unsigned datagram_loss = 0;

  link_conditions() = default;
};

/// Counts the network operations of one host (connect, listen, accept, read, write, wait) and
/// makes a chosen one fail. A test that counts a good run and then fails each operation in turn
/// has seen every error path. It also chooses which of them complete at once, as those of real
/// sockets do when they need not wait.
class operation_clock {
 public:
  /// The seed is of the choice of operations that complete at once.
  explicit operation_clock(std::uint64_t seed) : rng_(seed) {}

  /// Of a thousand operations, how many complete without suspending their coroutine if they can; none
  /// unless said.
  void complete_at_once(unsigned of_a_thousand) { at_once_ = of_a_thousand; }

  /// Whether the operation that begins now may complete without suspending its coroutine.
  [[nodiscard]] bool may_complete_at_once() {
    return at_once_ > 0 && rng_.between(1, 1000) <= at_once_;
  }

  /// Operations begun so far.
  [[nodiscard]] std::uint64_t count() const { return count_; }

  /// The operation that makes `count()` become `number` fails with the system's code for `why`; on
  /// a stream that ends the connection. One at a time.
  void fail_at(std::uint64_t number, std::errc why) {
    failing_ = number;
    error_ = system_error(why);
  }

  /// Whether a chosen operation is still to come.
  [[nodiscard]] bool is_set() const { return failing_ > count_; }

  /// One more operation; its error if it is to fail.
  std::error_code tick() { return ++count_ == failing_ ? error_ : std::error_code(); }

 private:
  std::uint64_t count_ = 0;
  std::uint64_t failing_ = 0;
  std::error_code error_;
  scripted_rng rng_;
  unsigned at_once_ = 0;
};

}  // namespace rathole::sim
