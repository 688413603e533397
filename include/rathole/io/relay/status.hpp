#pragma once

#include <rathole/core/byte_count.hpp>

#include <system_error>

namespace rathole::io {

/// The bytes that a relay has carried, which any thread may read while it runs, and how it ended.
struct relay_status {
  /// The bytes carried from the first stream to the second.
  byte_count forth;
  /// The bytes carried from the second stream to the first.
  byte_count back;
  /// Why the relay broke; no error if both directions ended in order.
  std::error_code error;
  /// Whether it broke because the first stream did: reading from it, or writing to it, failed.
  bool first_broke = false;
};

}  // namespace rathole::io
