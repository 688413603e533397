#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/websocket/frame.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace rathole::websocket {

/// Masks or unmasks the bytes of `in` with `key` (RFC 6455 section 5.3) into the front of `out`,
/// which must be at least as long and may be `in` itself. The first byte has the position `offset`
/// in its payload.
inline void mask(byte_view in, byte_span out, const mask_key& key, std::size_t offset) {
  // The key, rotated to `offset` and repeated to the size of one step.
  std::array<std::uint8_t, 32> turned;
  for (std::size_t i = 0; i < turned.size(); ++i) turned[i] = key[(offset + i) % key.size()];

  std::array<std::uint64_t, 4> word;
  std::array<std::uint64_t, 4> pattern;
  std::memcpy(pattern.data(), turned.data(), sizeof pattern);
  std::size_t at = 0;
  for (; in.size() - at >= sizeof word; at += sizeof word) {
    std::memcpy(word.data(), in.data() + at, sizeof word);
    for (std::size_t i = 0; i < word.size(); ++i) word[i] ^= pattern[i];
    std::memcpy(out.data() + at, word.data(), sizeof word);
  }
  for (std::size_t i = 0; at < in.size(); ++at, ++i) {
    out[at] = static_cast<std::uint8_t>(in[at] ^ turned[i]);
  }
}

}  // namespace rathole::websocket
