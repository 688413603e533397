#pragma once

#include <rathole/core/secret.hpp>
#include <rathole/tls/key_algorithm.hpp>

// Botan 2.19 compiles as C++23 only if the first of these headers comes before the others.
#include <botan/pkix_types.h>

#include <botan/data_src.h>
#include <botan/pk_keys.h>
#include <botan/pkcs8.h>
#include <botan/x509cert.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <vector>

namespace rathole::tls {

/// Returns the key of an unencrypted PKCS#8 structure; null if it is malformed, or if Botan does
/// not know its algorithm.
inline std::shared_ptr<const Botan::Private_Key> load_pkcs8(byte_view der) {
  try {
    Botan::DataSource_Memory source(der.data(), der.size());
    return Botan::PKCS8::load_key(source);
  } catch (const std::exception&) {
    return nullptr;
  }
}

/// Returns whether a PKCS#8 key can be used; a malformed one cannot. For an algorithm that Botan
/// does not know (RSA-PSS, Ed448), only the outer structure is checked; the TLS engine that uses
/// the key checks the rest.
inline bool is_usable_key(byte_view pkcs8) {
  const std::string algorithm = key_algorithm_of(pkcs8);
  const bool is_known =
      algorithm == key_oid::rsa || algorithm == key_oid::ec || algorithm == key_oid::ed25519;
  return !algorithm.empty() && (!is_known || load_pkcs8(pkcs8));
}

/// Returns whether `certificate` contains the public key of `key`; false if the certificate is
/// malformed.
inline bool is_certificate_of(const Botan::Private_Key& key,
                              const std::vector<std::uint8_t>& certificate) {
  try {
    const Botan::X509_Certificate read(certificate.data(), certificate.size());
    const std::unique_ptr<Botan::Public_Key> certified(read.subject_public_key());
    return certified->public_key_bits() == key.public_key_bits();
  } catch (const std::exception&) {
    return false;
  }
}

/// Returns whether `certificate` contains the public key of a PKCS#8 key. If Botan does not know
/// the algorithm, only the algorithms are compared; the TLS engine that uses both compares the
/// keys.
inline bool is_certificate_of(byte_view pkcs8, const std::vector<std::uint8_t>& certificate) {
  const certified_key shown = certified_key_of(certificate);
  if (const auto key = load_pkcs8(pkcs8)) {
    return is_certificate_of(*key, certificate) || shown.bits == key->public_key_bits();
  }
  return is_usable_key(pkcs8) && shown.algorithm == key_algorithm_of(pkcs8);
}

}  // namespace rathole::tls
