#pragma once

#include <rathole/crypto/hmac.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace rathole::crypto {

/// Returns `N` outputs of HKDF, each as long as a digest: the output of RFC 5869 with `salt` and an
/// empty `info`, cut into pieces. In Noise (section 4.3) the salt is the chaining key. `N` is at
/// most 255.
template <std::size_t N, BlockHash H>
std::array<std::array<std::uint8_t, H::digest_size>, N> hkdf(byte_view salt, byte_view material) {
  static_assert(N > 0 && N <= 255);
  auto key = hmac<H>(salt, {material});
  std::array<std::array<std::uint8_t, H::digest_size>, N> out;
  for (std::size_t i = 0; i < N; ++i) {
    const auto number = static_cast<std::uint8_t>(i + 1);
    const byte_view before = i == 0 ? byte_view() : byte_view(out[i - 1]);
    out[i] = hmac<H>(key, {before, byte_view(&number, 1)});
  }
  wipe(key);
  return out;
}

}  // namespace rathole::crypto
