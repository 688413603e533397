#pragma once

#include <rathole/core/endian.hpp>
#include <rathole/core/result.hpp>
#include <rathole/crypto/concepts.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace rathole::noise {

/// The key of a cipher.
using symmetric_key = std::array<std::uint8_t, crypto::aead_key_size>;
/// The number of bytes by which an encrypted message is longer than its content.
inline constexpr std::size_t tag_size = crypto::aead_tag_size;

/// A key and the count of messages under it (CipherState, Noise section 5.1). One object either
/// encrypts or decrypts.
template <crypto::Aead A>
class cipher_state {
 public:
  /// Sets the key and resets the nonce (InitializeKey).
  void initialize_key(const symmetric_key& key) {
    aead_.set_key(key);
    has_key_ = true;
    nonce_ = 0;
  }

  /// Returns whether a key is set (HasKey).
  [[nodiscard]] bool has_key() const { return has_key_; }

  /// Encrypts `text` in place and writes the tag (EncryptWithAd). A key must be set. Fails with
  /// `errc::nonce_exhausted`.
  result<void> encrypt(byte_view associated, byte_span text,
                       std::span<std::uint8_t, tag_size> tag) {
    if (nonce_ == reserved) return failure(errc::nonce_exhausted);
    aead_.seal(next_nonce(), associated, text, tag);
    return {};
  }

  /// Decrypts `text` in place (DecryptWithAd). A key must be set. Fails with
  /// `errc::decryption_failed` or `errc::nonce_exhausted`.
  result<void> decrypt(byte_view associated, byte_span text,
                       std::span<const std::uint8_t, tag_size> tag) {
    if (nonce_ == reserved) return failure(errc::nonce_exhausted);
    std::array<std::uint8_t, tag_size> expected;
    std::ranges::copy(tag, expected.begin());
    if (!aead_.open(next_nonce(), associated, text, expected)) {
      return failure(errc::decryption_failed);
    }
    return {};
  }

  /// Sets the nonce of the next message (SetNonce).
  void set_nonce(std::uint64_t nonce) { nonce_ = nonce; }

 private:
  /// The nonce that Noise reserves for rekeying.
  static constexpr std::uint64_t reserved = std::numeric_limits<std::uint64_t>::max();

  std::array<std::uint8_t, crypto::aead_nonce_size> next_nonce() {
    std::array<std::uint8_t, crypto::aead_nonce_size> out{};
    const std::span<std::uint8_t, 8> counter = std::span(out).template last<8>();
    if constexpr (A::counter_order == std::endian::little) {
      store_le<std::uint64_t>(nonce_++, counter);
    } else {
      store_be<std::uint64_t>(nonce_++, counter);
    }
    return out;
  }

  A aead_;
  std::uint64_t nonce_ = 0;
  bool has_key_ = false;
};

}  // namespace rathole::noise
