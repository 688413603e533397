#pragma once

#include <rathole/core/constant_time.hpp>
#include <rathole/crypto/concepts.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace rathole::crypto {

/// Returns the HMAC (RFC 2104) of the concatenated `parts`.
template <BlockHash H>
std::array<std::uint8_t, H::digest_size> hmac(byte_view key,
                                              std::initializer_list<byte_view> parts) {
  std::array<std::uint8_t, H::block_size> pad{};
  if (key.size() > pad.size()) {
    H shortened;
    shortened.update(key);
    auto digest = shortened.finish();
    std::ranges::copy(digest, pad.begin());
    wipe(digest);
  } else {
    std::ranges::copy(key, pad.begin());
  }
  const auto turn = [&pad](std::uint8_t mask) {
    for (std::uint8_t& byte : pad) byte = static_cast<std::uint8_t>(byte ^ mask);
  };
  turn(0x36);
  H inner;
  inner.update(pad);
  for (const byte_view part : parts) inner.update(part);
  const auto middle = inner.finish();
  turn(0x36 ^ 0x5c);
  H outer;
  outer.update(pad);
  outer.update(middle);
  wipe(pad);
  return outer.finish();
}

}  // namespace rathole::crypto
