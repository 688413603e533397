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

/// Computes SHA-256 (FIPS 180-4, section 6.2); models `BlockHash`.
class sha256 {
 public:
  /// The size of the digest in bytes.
  static constexpr std::size_t digest_size = 32;
  /// The size of a block in bytes.
  static constexpr std::size_t block_size = 64;

  /// Appends `in` to the input of the hash.
  void update(byte_view in) {
    length_ += in.size();
    if (filled_ > 0) {
      const byte_view head = in.first(std::min(in.size(), block_size - filled_));
      std::copy(head.begin(), head.end(), block_.begin() + static_cast<std::ptrdiff_t>(filled_));
      filled_ += head.size();
      in = in.subspan(head.size());
      if (filled_ < block_size) return;
      compress(block_);
    }
    for (; in.size() >= block_size; in = in.subspan(block_size)) compress(in.first<block_size>());
    std::copy(in.begin(), in.end(), block_.begin());
    filled_ = in.size();
  }

  /// Returns the digest of all input, and wipes what the object knows of it. It may be called once.
  [[nodiscard]] std::array<std::uint8_t, digest_size> finish() {
    const std::span<std::uint8_t, block_size> block(block_);
    block_[filled_++] = 0x80;
    if (filled_ > block_size - sizeof length_) {
      std::ranges::fill(block.subspan(filled_), std::uint8_t{0});
      compress(block);
      filled_ = 0;
    }
    std::ranges::fill(block.subspan(filled_), std::uint8_t{0});
    store_be<std::uint64_t>(length_ * 8, block.last<sizeof length_>());
    compress(block);

    std::array<std::uint8_t, digest_size> out;
    for (std::size_t i = 0; i < state_.size(); ++i) {
      store_be<std::uint32_t>(state_[i], byte_span(out).subspan(i * 4).first<4>());
    }
    wipe(block_);
    state_ = {};
    return out;
  }

 private:
  void compress(std::span<const std::uint8_t, block_size> block) {
    using std::rotr;
    std::array<std::uint32_t, 64> w;
    for (std::size_t t = 0; t < 16; ++t) {
      w[t] = load_be<std::uint32_t>(byte_view(block).subspan(t * 4).first<4>());
    }
    for (std::size_t t = 16; t < 64; ++t) {
      const std::uint32_t s0 = rotr(w[t - 15], 7) ^ rotr(w[t - 15], 18) ^ (w[t - 15] >> 3);
      const std::uint32_t s1 = rotr(w[t - 2], 17) ^ rotr(w[t - 2], 19) ^ (w[t - 2] >> 10);
      w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    auto [a, b, c, d, e, f, g, h] = state_;
    for (std::size_t t = 0; t < 64; ++t) {
      const std::uint32_t s1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
      const std::uint32_t s0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
      const std::uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + round_constants[t] + w[t];
      const std::uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = d + t1;
      d = c;
      c = b;
      b = a;
      a = t1 + t2;
    }
    const std::array<std::uint32_t, 8> worked{a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < state_.size(); ++i) state_[i] += worked[i];
  }

  static constexpr std::array<std::uint32_t, 64> round_constants{
      0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
      0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
      0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
      0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
      0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
      0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
      0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
      0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
      0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
      0xc67178f2};

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, block_size> block_{};
  std::size_t filled_ = 0;
  std::uint64_t length_ = 0;
};

}  // namespace rathole::crypto
