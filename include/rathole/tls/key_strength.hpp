#pragma once

#include <rathole/tls/asn1_tags.hpp>
#include <rathole/tls/identity.hpp>
#include <rathole/tls/key_algorithm.hpp>

// Botan 2.19 compiles as C++23 only if the first of these headers comes before the others.
#include <botan/pkix_types.h>

#include <botan/bigint.h>
#include <botan/pk_keys.h>
#include <botan/x509cert.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace rathole::tls {

/// The strength that keys must have, in bits.
inline constexpr std::size_t min_key_strength = 110;
/// The size of the smallest RSA key with that strength, in bits.
inline constexpr std::size_t min_rsa_bits = 2048;

namespace detail {

/// Returns the size of the modulus of an RSAPublicKey (RFC 8017 appendix A.1.1), in bits.
inline std::size_t rsa_bits_of(const std::vector<std::uint8_t>& key) {
  Botan::BER_Decoder outer(key.data(), key.size());
  Botan::BigInt modulus;
  enter_sequence(outer).decode(modulus);
  return modulus.bits();
}

/// Returns why the key of `certificate` is too weak; nothing if it is strong enough, or if Botan
/// cannot tell.
inline std::optional<std::string> weak_key(const std::vector<std::uint8_t>& certificate) {
  const certified_key shown = certified_key_of(certificate);
  const std::string& algorithm = shown.algorithm;
  try {
    if (algorithm == key_oid::rsa || algorithm == key_oid::rsa_pss) {
      const std::size_t bits = rsa_bits_of(shown.bits);
      if (bits >= min_rsa_bits) return std::nullopt;
      return key_algorithm_name(algorithm) + " with " + std::to_string(bits) + " bits; at least " +
             std::to_string(min_rsa_bits) + " are required";
    }
    const Botan::X509_Certificate read(certificate.data(), certificate.size());
    const std::unique_ptr<Botan::Public_Key> key(read.subject_public_key());
    if (key->estimated_strength() >= min_key_strength) return std::nullopt;
    return key_algorithm_name(algorithm) + " with a strength of " +
           std::to_string(key->estimated_strength()) + " bits; at least " +
           std::to_string(min_key_strength) + " are required";
  } catch (const std::exception&) {
    // It is malformed, or Botan does not know the algorithm; the TLS engine decides.
    return std::nullopt;
  }
}

}  // namespace detail

/// Returns why peers would reject a certificate of `shown`: its key or that of an issuer is too
/// weak. Returns nothing if all keys are strong enough.
inline std::optional<std::string> weak_key(const identity& shown) {
  for (std::size_t i = 0; i < shown.certificates.size(); ++i) {
    if (const auto weak = detail::weak_key(shown.certificates[i])) {
      return "the key of certificate " + std::to_string(i + 1) + " is too weak: " + *weak +
             "; make a new one, for example with `openssl req -x509 -newkey rsa:3072`";
    }
  }
  return std::nullopt;
}

}  // namespace rathole::tls
