#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/constant_time.hpp>
#include <rathole/core/endian.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace rathole::crypto {

/// Computes BLAKE2s with a digest of 32 bytes and without a key (RFC 7693); models `BlockHash`.
class blake2s {
 public:
  /// The size of the digest in bytes.
  static constexpr std::size_t digest_size = 32;
  /// The size of a block in bytes.
  static constexpr std::size_t block_size = 64;

  /// Appends `in` to the input of the hash.
  void update(byte_view in) {
    while (!in.empty()) {
      // The last block is compressed differently, so a full block waits until more input arrives.
      if (filled_ == block_size) {
        length_ += block_size;
        compress(0);
        filled_ = 0;
      }
      const byte_view head = in.first(std::min(in.size(), block_size - filled_));
      std::copy(head.begin(), head.end(), block_.begin() + static_cast<std::ptrdiff_t>(filled_));
      filled_ += head.size();
      in = in.subspan(head.size());
    }
  }

  /// Returns the digest of all input, and wipes what the object knows of it. It may be called once.
  [[nodiscard]] std::array<std::uint8_t, digest_size> finish() {
    length_ += filled_;
    std::ranges::fill(byte_span(block_).subspan(filled_), std::uint8_t{0});
    compress(~std::uint32_t{0});
    std::array<std::uint8_t, digest_size> out;
    for (std::size_t i = 0; i < state_.size(); ++i) {
      store_le<std::uint32_t>(state_[i], byte_span(out).subspan(i * 4).first<4>());
    }
    wipe(block_);
    state_ = {};
    return out;
  }

 private:
  using words = std::array<std::uint32_t, 16>;

  static void mix(words& v, std::size_t a, std::size_t b, std::size_t c, std::size_t d,
                  std::uint32_t x, std::uint32_t y) {
    v[a] += v[b] + x;
    v[d] = std::rotr(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = std::rotr(v[b] ^ v[c], 12);
    v[a] += v[b] + y;
    v[d] = std::rotr(v[d] ^ v[a], 8);
    v[c] += v[d];
    v[b] = std::rotr(v[b] ^ v[c], 7);
  }

  void compress(std::uint32_t last) {
    words m;
    for (std::size_t i = 0; i < m.size(); ++i) {
      m[i] = load_le<std::uint32_t>(byte_view(block_).subspan(i * 4).first<4>());
    }
    words v;
    std::ranges::copy(state_, v.begin());
    std::ranges::copy(initial, v.begin() + 8);
    v[12] ^= static_cast<std::uint32_t>(length_);
    v[13] ^= static_cast<std::uint32_t>(length_ >> 32);
    v[14] ^= last;
    for (const auto& s : schedule) {
      mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
      mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
      mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
      mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
      mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
      mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
      mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
      mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
    }
    for (std::size_t i = 0; i < state_.size(); ++i) state_[i] ^= v[i] ^ v[i + 8];
  }

  static constexpr std::array<std::uint32_t, 8> initial{0x6a09e667, 0xbb67ae85, 0x3c6ef372,
                                                        0xa54ff53a, 0x510e527f, 0x9b05688c,
                                                        0x1f83d9ab, 0x5be0cd19};
  static constexpr std::uint8_t schedule[10][16] = {
      {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
      {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
      {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
      {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
      {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
      {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
      {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
      {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
      {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
      {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

  // The parameter block: digest length 32, no key, fanout and depth 1.
  std::array<std::uint32_t, 8> state_{initial[0] ^ 0x01010020,
                                      initial[1],
                                      initial[2],
                                      initial[3],
                                      initial[4],
                                      initial[5],
                                      initial[6],
                                      initial[7]};
  std::array<std::uint8_t, block_size> block_{};
  std::size_t filled_ = 0;
  std::uint64_t length_ = 0;
};

}  // namespace rathole::crypto
