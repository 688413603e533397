#pragma once

#include <cstdint>
#include <vector>

namespace rathole::tls {

/// The certificates that a client trusts.
struct trust {
  /// X.509 certificates in DER: issuers, or the certificates of servers themselves.
  std::vector<std::vector<std::uint8_t>> roots = {};
  /// Whether the roots of this machine are trusted as well. It is not an error if there are none.
  bool system_roots = true;
};

}  // namespace rathole::tls
