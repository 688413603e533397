#pragma once

#include <rathole/core/time.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <system_error>

namespace rathole::sim {

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

  link_conditions() = default;
};

/// Counts the network operations of one host (connect, listen, accept, read, write, wait) and
/// makes a chosen one fail. A test that counts a good run and then fails each operation in turn
/// has seen every error path.
class operation_clock {
 public:
  /// Operations begun so far.
  [[nodiscard]] std::uint64_t count() const { return count_; }

  /// The operation that makes `count()` become `number` fails with `ec`; on a stream that ends the
  /// connection. One at a time.
  void fail_at(std::uint64_t number, std::error_code ec) {
    failing_ = number;
    error_ = ec;
  }

  /// One more operation; its error if it is to fail.
  std::error_code tick() { return ++count_ == failing_ ? error_ : std::error_code(); }

 private:
  std::uint64_t count_ = 0;
  std::uint64_t failing_ = 0;
  std::error_code error_;
};

}  // namespace rathole::sim
