#pragma once

#include <rathole/core/constant_time.hpp>
#include <rathole/crypto/concepts.hpp>

#include <botan/aead.h>
#include <botan/exceptn.h>
#include <botan/version.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace rathole::crypto::botan {

/// Holds Botan's name of ChaCha20-Poly1305, and the byte order of its nonce counter in Noise
/// (section 12.3).
struct chacha20_poly1305_name {
  /// Botan's name of the cipher.
  static constexpr const char* value = "ChaCha20Poly1305";
  /// The byte order of the nonce counter in Noise.
  static constexpr std::endian counter_order = std::endian::little;
};
/// Holds Botan's name of AES-256-GCM, and the byte order of its nonce counter in Noise (section
/// 12.4).
struct aes256_gcm_name {
  /// Botan's name of the cipher.
  static constexpr const char* value = "AES-256/GCM";
  /// The byte order of the nonce counter in Noise.
  static constexpr std::endian counter_order = std::endian::big;
};

/// Implements a cipher with Botan; models `Aead`. An object is used in one direction, either to
/// seal or to open. It allocates no memory after the first message.
template <class Name>
class aead {
 public:
  /// The byte order in which Noise writes the nonce counter; see `Aead`.
  static constexpr std::endian counter_order = Name::counter_order;

  /// Sets the key, which is wiped in the destructor; see `Aead`.
  void set_key(std::span<const std::uint8_t, aead_key_size> key) {
    std::ranges::copy(key, key_.begin());
    mode_.reset();
  }

  /// Encrypts `text` in place and writes `tag`; see `Aead`.
  void seal(std::span<const std::uint8_t, aead_nonce_size> nonce, byte_view associated,
            byte_span text, std::span<std::uint8_t, aead_tag_size> tag) {
    begin(true, nonce, associated);
    const byte_span rest = text.subspan(whole_blocks(text));
    tail_.assign(rest.begin(), rest.end());
    mode_->finish(tail_);
    std::ranges::copy(std::span(tail_).first(rest.size()), rest.begin());
    std::ranges::copy(std::span(tail_).last(aead_tag_size), tag.begin());
  }

  /// Decrypts `text` in place, or wipes it and returns false if it is not authentic; see `Aead`.
  bool open(std::span<const std::uint8_t, aead_nonce_size> nonce, byte_view associated,
            byte_span text, std::span<const std::uint8_t, aead_tag_size> tag) {
    try {
      begin(false, nonce, associated);
      const byte_span rest = text.subspan(whole_blocks(text));
      tail_.assign(rest.begin(), rest.end());
      tail_.insert(tail_.end(), tag.begin(), tag.end());
      mode_->finish(tail_);
      std::ranges::copy(tail_, rest.begin());
      return true;
    } catch (const Botan::Invalid_Authentication_Tag&) {
      wipe(text);
      return false;
    }
  }

  /// Makes a cipher without a key; `set_key` must be called first.
  aead() = default;
  /// Takes over another cipher, which keeps a copy of its key until it is destroyed.
  aead(aead&&) noexcept = default;
  /// Takes over another cipher, which keeps a copy of its key until it is destroyed.
  aead& operator=(aead&&) noexcept = default;
  /// Wipes the key.
  ~aead() { wipe(key_); }

 private:
#if BOTAN_VERSION_MAJOR >= 3
  static constexpr auto encryption = Botan::Cipher_Dir::Encryption;
  static constexpr auto decryption = Botan::Cipher_Dir::Decryption;
#else
  static constexpr auto encryption = Botan::ENCRYPTION;
  static constexpr auto decryption = Botan::DECRYPTION;
#endif

  void begin(bool sealing, std::span<const std::uint8_t, aead_nonce_size> nonce,
             byte_view associated) {
    if (!mode_ || sealing_ != sealing) {
      mode_ = Botan::AEAD_Mode::create_or_throw(Name::value, sealing ? encryption : decryption);
      sealing_ = sealing;
      mode_->set_key(key_.data(), key_.size());
      block_ = mode_->update_granularity();
      tail_.reserve(block_ + aead_tag_size);
      has_associated_ = false;
    }
    // Setting the associated data costs more than a short message, so it is set only when it
    // changes.
    if (has_associated_ || !associated.empty()) {
      mode_->set_associated_data(associated.data(), associated.size());
      has_associated_ = !associated.empty();
    }
    mode_->start(nonce.data(), nonce.size());
  }

  /// Processes the whole blocks at the front of `text`; returns their size in bytes.
  std::size_t whole_blocks(byte_span text) {
    const std::size_t size = text.size() - text.size() % block_;
    if (size > 0) mode_->process(text.data(), size);
    return size;
  }

  std::unique_ptr<Botan::AEAD_Mode> mode_;
  Botan::secure_vector<std::uint8_t> tail_;
  std::array<std::uint8_t, aead_key_size> key_{};
  std::size_t block_ = 1;
  bool sealing_ = false;
  bool has_associated_ = false;
};

/// ChaCha20-Poly1305 (RFC 8439).
using chacha20_poly1305 = aead<chacha20_poly1305_name>;
/// AES-256-GCM (NIST SP 800-38D).
using aes256_gcm = aead<aes256_gcm_name>;

}  // namespace rathole::crypto::botan
