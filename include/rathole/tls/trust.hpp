#pragma once

#include <cstdint>
#include <vector>

namespace rathole::tls {

/// Whose certificates a client believes in.
struct trust {
  /// X.509 in DER: issuers, or servers' own self-signed certificates.
  std::vector<std::vector<std::uint8_t>> roots = {};
  /// Whether the roots of this machine are trusted besides. Having none is no error.
  bool system_roots = true;
};

}  // namespace rathole::tls
