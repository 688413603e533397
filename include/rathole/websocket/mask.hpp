#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/websocket/frame.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace rathole::websocket {

/// Writes the octets of `in`, masked or unmasked with `key` (RFC 6455 section 5.3), to the front of
/// `out`, which is as long or is `in` itself. The first of them is number `offset` of its payload.
inline void mask(byte_view in, byte_span out, const mask_key& key, std::size_t offset) {
  // The key as it falls on the octets from here on, as often as fits a step.
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
