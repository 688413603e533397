#pragma once

#include <rathole/core/constant_time.hpp>
#include <rathole/crypto/concepts.hpp>
#include <rathole/crypto/openssl/cipher.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <new>
#include <span>

namespace rathole::crypto::openssl {

/// Holds OpenSSL's name of ChaCha20-Poly1305, and the byte order of its nonce counter in Noise
/// (section 12.3).
struct chacha20_poly1305_name {
  /// OpenSSL's name of the cipher.
  static constexpr const char* value = "ChaCha20-Poly1305";
  /// The byte order of the nonce counter in Noise.
  static constexpr std::endian counter_order = std::endian::little;
};
/// Holds OpenSSL's name of AES-256-GCM, and the byte order of its nonce counter in Noise (section
/// 12.4).
struct aes256_gcm_name {
  /// OpenSSL's name of the cipher.
  static constexpr const char* value = "AES-256-GCM";
  /// The byte order of the nonce counter in Noise.
  static constexpr std::endian counter_order = std::endian::big;
};

/// Implements a cipher with OpenSSL 3; models `Aead`. The key is in OpenSSL's memory only, which
/// wipes it when the object is destroyed or has another key. A message allocates no memory.
template <class Name>
class aead {
 public:
  /// The byte order in which Noise writes the nonce counter; see `Aead`.
  static constexpr std::endian counter_order = Name::counter_order;

  /// Returns whether OpenSSL has the cipher on this machine. It fetches the cipher, so it is for the
  /// start of a program rather than for each connection.
  static bool is_provided() { return fetch_cipher(Name::value) != nullptr; }

  /// Sets the key; see `Aead`. Throws `std::bad_alloc` if there is no memory, or if the cipher is
  /// not provided.
  void set_key(std::span<const std::uint8_t, aead_key_size> key) {
    if (!context_) context_ = make_cipher_context(shared_cipher<Name>());
    if (EVP_CipherInit_ex2(context_.get(), nullptr, key.data(), nullptr, 1, nullptr) != 1) {
      context_.reset();
      throw std::bad_alloc();
    }
  }

  /// Encrypts `text` in place and writes `tag`; see `Aead`. If OpenSSL fails, it wipes `text` and
  /// throws `std::bad_alloc`, so that nothing is ever sent unencrypted.
  void seal(std::span<const std::uint8_t, aead_nonce_size> nonce, byte_view associated,
            byte_span text, std::span<std::uint8_t, aead_tag_size> tag) {
    if (begin(1, nonce) && process(associated, text) &&
        EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, aead_tag_size, tag.data()) ==
            1) {
      return;
    }
    wipe(text);
    throw std::bad_alloc();
  }

  /// Decrypts `text` in place, or wipes it and returns false if it is not authentic; see `Aead`.
  bool open(std::span<const std::uint8_t, aead_nonce_size> nonce, byte_view associated,
            byte_span text, std::span<const std::uint8_t, aead_tag_size> tag) {
    // OpenSSL takes it by a pointer to what is not const.
    std::array<std::uint8_t, aead_tag_size> expected;
    std::ranges::copy(tag, expected.begin());
    if (begin(0, nonce) &&
        EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, aead_tag_size,
                            expected.data()) == 1 &&
        process(associated, text)) {
      return true;
    }
    wipe(text);
    return false;
  }

 private:
  /// Begins a message, which is encrypted if `sealing` is 1 and decrypted if it is 0.
  bool begin(int sealing, std::span<const std::uint8_t, aead_nonce_size> nonce) {
    return context_ && EVP_CipherInit_ex2(context_.get(), nullptr, nullptr, nonce.data(), sealing,
                                          nullptr) == 1;
  }

  /// Processes the whole message; decrypting, it also checks the tag.
  bool process(byte_view associated, byte_span text) {
    // An AEAD has no last block, but OpenSSL wants a place for it.
    std::array<std::uint8_t, EVP_MAX_BLOCK_LENGTH> rest;
    int size = 0;
    return update_cipher(context_.get(), nullptr, associated) &&
           update_cipher(context_.get(), text.data(), text) &&
           EVP_CipherFinal_ex(context_.get(), rest.data(), &size) == 1;
  }

  cipher_context_ptr context_;
};

/// ChaCha20-Poly1305 (RFC 8439).
using chacha20_poly1305 = aead<chacha20_poly1305_name>;
/// AES-256-GCM (NIST SP 800-38D).
using aes256_gcm = aead<aes256_gcm_name>;

}  // namespace rathole::crypto::openssl
