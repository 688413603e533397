#pragma once

#include <rathole/core/secret.hpp>

// Botan 2.19 needs the first before the others in C++23.
#include <botan/pkix_types.h>

#include <botan/data_src.h>
#include <botan/pk_keys.h>
#include <botan/pkcs8.h>
#include <botan/x509cert.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <vector>

namespace rathole::tls {

/// The key of a PKCS#8 structure that is not encrypted; none if it is malformed.
inline std::shared_ptr<const Botan::Private_Key> load_pkcs8(byte_view der) {
  try {
    Botan::DataSource_Memory source(der.data(), der.size());
    return Botan::PKCS8::load_key(source);
  } catch (const std::exception&) {
    return nullptr;
  }
}

/// Whether `certificate` is of the public half of `key`; not if it is malformed.
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

}  // namespace rathole::tls
