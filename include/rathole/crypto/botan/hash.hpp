#pragma once

#include <rathole/crypto/concepts.hpp>

#include <botan/hash.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace rathole::crypto::botan {

/// Holds Botan's name of SHA-512, and its sizes in bytes.
struct sha512_name {
  /// Botan's name of the hash function.
  static constexpr const char* value = "SHA-512";
  /// The size of the digest in bytes.
  static constexpr std::size_t digest_size = 64;
  /// The size of a block in bytes.
  static constexpr std::size_t block_size = 128;
};
/// Holds Botan's name of BLAKE2b, and its sizes in bytes.
struct blake2b_name {
  /// Botan's name of the hash function.
  static constexpr const char* value = "BLAKE2b(512)";
  /// The size of the digest in bytes.
  static constexpr std::size_t digest_size = 64;
  /// The size of a block in bytes.
  static constexpr std::size_t block_size = 128;
};

/// Implements a hash function with Botan; models `BlockHash`.
template <class Name>
class hash {
 public:
  /// The size of the digest in bytes.
  static constexpr std::size_t digest_size = Name::digest_size;
  /// The size of a block in bytes.
  static constexpr std::size_t block_size = Name::block_size;

  /// Begins a digest. Throws Botan's exception if this build of Botan lacks the function.
  hash() : state_(Botan::HashFunction::create_or_throw(Name::value)) {}
  /// Copies the state after the bytes so far, so that both can continue apart.
  hash(const hash& other) : state_(other.state_->copy_state()) {}
  /// Takes over the state of another object, which must not be used afterwards.
  hash(hash&&) noexcept = default;
  /// Replaces the state by that of `other`.
  hash& operator=(hash other) noexcept {
    state_.swap(other.state_);
    return *this;
  }
  /// Destroys the state.
  ~hash() = default;

  /// Appends `in` to the input of the hash.
  void update(byte_view in) { state_->update(in.data(), in.size()); }

  /// Returns the digest of all input. It may be called once.
  [[nodiscard]] std::array<std::uint8_t, digest_size> finish() {
    std::array<std::uint8_t, digest_size> out;
    state_->final(out.data());
    return out;
  }

 private:
  std::unique_ptr<Botan::HashFunction> state_;
};

/// SHA-512 (FIPS 180-4).
using sha512 = hash<sha512_name>;
/// BLAKE2b with a digest of 64 bytes (RFC 7693).
using blake2b = hash<blake2b_name>;

}  // namespace rathole::crypto::botan
