#pragma once

#include <cstdint>
#include <system_error>

namespace rathole::io {

/// What became of a relay between two streams.
struct relay_status {
  /// Octets carried from the first stream to the second.
  std::uint64_t forth = 0;
  /// Octets carried from the second stream to the first.
  std::uint64_t back = 0;
  /// Why it broke; success where both directions ended in order.
  std::error_code error;
};

}  // namespace rathole::io
