#pragma once

#include <rathole/core/bytes.hpp>

#include <cstddef>
#include <cstring>

namespace rathole {

/// True if both views hold the same octets. The time taken depends on the lengths only, not on the
/// contents: for comparing secrets and message authentication codes.
[[nodiscard]] inline bool constant_time_equal(byte_view a, byte_view b) {
  if (a.size() != b.size()) return false;
  // volatile: the compiler may not leave the loop at the first difference.
  volatile std::uint8_t difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

/// Overwrites `out` with zeros; the store is not elided although nothing reads it afterwards.
inline void wipe(byte_span out) {
  if (out.empty()) return;
  std::memset(out.data(), 0, out.size());
  // Tells the compiler that somebody may read the octets after all.
  asm volatile("" : : "r"(out.data()) : "memory");
}

}  // namespace rathole
