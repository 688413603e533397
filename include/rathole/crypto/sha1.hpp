#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/endian.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace rathole::crypto {

namespace detail {

/// The five words of the state of SHA-1.
using sha1_state = std::array<std::uint32_t, 5>;

/// Updates `state` with one block (RFC 3174 section 6.1).
inline void sha1_compress(sha1_state& state, std::span<const std::uint8_t, 64> block) {
  std::array<std::uint32_t, 80> w;
  for (std::size_t t = 0; t < 16; ++t) {
    w[t] = load_be<std::uint32_t>(byte_view(block).subspan(t * 4).first<4>());
  }
  for (std::size_t t = 16; t < w.size(); ++t) {
    w[t] = std::rotl(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
  }
  auto [a, b, c, d, e] = state;
  for (std::size_t t = 0; t < w.size(); ++t) {
    std::uint32_t f = b ^ c ^ d;
    std::uint32_t k = t < 40 ? 0x6ed9eba1 : 0xca62c1d6;
    if (t < 20) {
      f = (b & c) | (~b & d);
      k = 0x5a827999;
    } else if (t >= 40 && t < 60) {
      f = (b & c) | (b & d) | (c & d);
      k = 0x8f1bbcdc;
    }
    const std::uint32_t next = std::rotl(a, 5) + f + e + w[t] + k;
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  const sha1_state worked{a, b, c, d, e};
  for (std::size_t i = 0; i < state.size(); ++i) state[i] += worked[i];
}

}  // namespace detail

/// Returns the SHA-1 digest of `in` (RFC 3174). SHA-1 is broken where collisions matter and must
/// not protect anything; it exists only for the `Sec-WebSocket-Accept` key of WebSocket, which
/// protects nothing.
[[nodiscard]] inline std::array<std::uint8_t, 20> sha1(byte_view in) {
  detail::sha1_state state{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  const std::uint64_t bits = std::uint64_t{in.size()} * 8;
  for (; in.size() >= 64; in = in.subspan(64)) detail::sha1_compress(state, in.first<64>());

  std::array<std::uint8_t, 128> padded{};
  std::copy(in.begin(), in.end(), padded.begin());
  padded[in.size()] = 0x80;
  byte_span tail = byte_span(padded).first(in.size() < 56 ? 64 : 128);
  store_be<std::uint64_t>(bits, tail.last<8>());
  for (; !tail.empty(); tail = tail.subspan(64)) detail::sha1_compress(state, tail.first<64>());

  std::array<std::uint8_t, 20> out;
  for (std::size_t i = 0; i < state.size(); ++i) {
    store_be<std::uint32_t>(state[i], byte_span(out).subspan(i * 4).first<4>());
  }
  return out;
}

}  // namespace rathole::crypto
