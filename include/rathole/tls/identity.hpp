#pragma once

#include <rathole/core/secret.hpp>

#include <cstdint>
#include <vector>

namespace rathole::tls {

/// The certificates of a server and the private key that belongs to them.
struct identity {
  /// The private key: unencrypted PKCS#8 in DER (RFC 5208).
  secret private_key = {};
  /// The X.509 certificates in DER: that of the key first, then its issuers.
  std::vector<std::vector<std::uint8_t>> certificates = {};
};

}  // namespace rathole::tls
