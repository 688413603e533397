#pragma once

#include <rathole/core/bytes.hpp>

#include <cstddef>
#include <cstring>

namespace rathole {

/// Returns whether both views hold the same bytes. The time depends only on the lengths, not on the
/// contents, so a secret or a message authentication code can be compared without a timing leak.
[[nodiscard]] inline bool constant_time_equal(byte_view a, byte_view b) {
  if (a.size() != b.size()) return false;
  // volatile keeps the compiler from leaving the loop at the first difference.
  volatile std::uint8_t difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

/// Overwrites `out` with zeros. The compiler cannot remove the store, although nothing reads it.
inline void wipe(byte_span out) {
  if (out.empty()) return;
  std::memset(out.data(), 0, out.size());
  // The assembler statement claims to read the bytes, so the compiler must keep the store.
  asm volatile("" : : "r"(out.data()) : "memory");
}

}  // namespace rathole
