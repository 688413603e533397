#pragma once

#include <rathole/crypto/concepts.hpp>

#include <botan/hash.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace rathole::crypto::botan {

/// What Botan calls a hash function, and its sizes.
struct sha512_name {
  static constexpr const char* value = "SHA-512";
  static constexpr std::size_t digest_size = 64;
  static constexpr std::size_t block_size = 128;
};
struct blake2b_name {
  static constexpr const char* value = "BLAKE2b(512)";
  static constexpr std::size_t digest_size = 64;
  static constexpr std::size_t block_size = 128;
};

/// A hash function of Botan; models `BlockHash`.
template <class Name>
class hash {
 public:
  static constexpr std::size_t digest_size = Name::digest_size;
  static constexpr std::size_t block_size = Name::block_size;

  hash() : state_(Botan::HashFunction::create_or_throw(Name::value)) {}
  hash(const hash& other) : state_(other.state_->copy_state()) {}
  hash(hash&&) noexcept = default;
  hash& operator=(hash other) noexcept {
    state_.swap(other.state_);
    return *this;
  }
  ~hash() = default;

  void update(byte_view in) { state_->update(in.data(), in.size()); }

  [[nodiscard]] std::array<std::uint8_t, digest_size> finish() {
    std::array<std::uint8_t, digest_size> out;
    state_->final(out.data());
    return out;
  }

 private:
  std::unique_ptr<Botan::HashFunction> state_;
};

/// FIPS 180-4.
using sha512 = hash<sha512_name>;
/// RFC 7693, with a digest of 64 octets.
using blake2b = hash<blake2b_name>;

}  // namespace rathole::crypto::botan
