#pragma once

#include <rathole/core/constant_time.hpp>
#include <rathole/crypto/concepts.hpp>

#if __has_include(<botan/x25519.h>)
#include <botan/x25519.h>
#else
#include <botan/curve25519.h>
#endif
#include <botan/exceptn.h>
#include <botan/pubkey.h>
#include <botan/rng.h>
#include <botan/secmem.h>

#include <algorithm>
#include <cstdint>

namespace rathole::crypto::botan {

/// A key pair of X25519 (RFC 7748), implemented with Botan; models `DhKeyPair`. The private key is
/// wiped when the object is destroyed.
class x25519_key_pair {
 public:
  /// Makes the key pair of the private key `secret`. This takes as long as `agree`.
  explicit x25519_key_pair(const dh_key& secret)
      : private_key_(Botan::secure_vector<std::uint8_t>(secret.begin(), secret.end())) {
    std::ranges::copy(private_key_.public_value(), public_key_.begin());
  }

  /// Returns the public key.
  [[nodiscard]] const dh_key& public_key() const { return public_key_; }

  /// Returns the shared secret. Fails with `errc::weak_public_key` if `other` is of low order.
  [[nodiscard]] result<dh_key> agree(const dh_key& other) const {
    try {
      Botan::Null_RNG unused;
      const Botan::PK_Key_Agreement agreement(private_key_, unused, "Raw");
      const auto shared = agreement.derive_key(dh_key_size, other.data(), other.size());
      result<dh_key> out;
      std::ranges::copy(shared.bits_of(), out->begin());
      if (constant_time_equal(*out, dh_key{})) out = failure(errc::weak_public_key);
      return out;
    } catch (const Botan::Exception&) {
      // Botan 3 detects the same weakness itself.
      return failure(errc::weak_public_key);
    }
  }

 private:
  Botan::X25519_PrivateKey private_key_;
  dh_key public_key_;
};

}  // namespace rathole::crypto::botan
