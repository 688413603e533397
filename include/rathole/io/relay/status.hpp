#pragma once

#include <cstdint>
#include <system_error>

namespace rathole::io {

/// The bytes that a relay has carried, and how it ended.
struct relay_status {
  /// The bytes carried from the first stream to the second.
  std::uint64_t forth = 0;
  /// The bytes carried from the second stream to the first.
  std::uint64_t back = 0;
  /// Why the relay broke; no error if both directions ended in order.
  std::error_code error;
  /// Whether it broke because the first stream did: reading from it, or writing to it, failed.
  bool first_broke = false;
};

}  // namespace rathole::io
