#pragma once

#include <rathole/core/secret.hpp>

#include <cstdint>
#include <vector>

namespace rathole::tls {

/// What a server shows of itself, and the key that proves it.
struct identity {
  /// PKCS#8 in DER, not encrypted (RFC 5208).
  secret private_key = {};
  /// X.509 in DER, that of the key first, then its issuers.
  std::vector<std::vector<std::uint8_t>> certificates = {};
};

}  // namespace rathole::tls
