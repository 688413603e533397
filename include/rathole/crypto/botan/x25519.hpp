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

/// Implements X25519 (RFC 7748) with Botan; models `Dh`.
class x25519 {
 public:
  /// Returns the public key for the private key `secret`.
  static dh_key public_key(const dh_key& secret) {
    dh_key out;
    std::ranges::copy(load(secret).public_value(), out.begin());
    return out;
  }

  /// Returns the shared secret. Fails with `errc::weak_public_key` if `other` is of low order.
  static result<dh_key> agree(const dh_key& secret, const dh_key& other) {
    try {
      const auto key = load(secret);
      Botan::Null_RNG unused;
      const Botan::PK_Key_Agreement agreement(key, unused, "Raw");
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
  static Botan::X25519_PrivateKey load(const dh_key& secret) {
    return Botan::X25519_PrivateKey(
        Botan::secure_vector<std::uint8_t>(secret.begin(), secret.end()));
  }
};

}  // namespace rathole::crypto::botan
