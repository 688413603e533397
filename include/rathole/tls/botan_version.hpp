#pragma once

#include <botan/version.h>

namespace rathole::tls {

/// Whether this build's Botan can end one direction of a connection alone: version 3 does in TLS 1.3,
/// version 2 knows TLS 1.2 only and never does.
inline constexpr bool botan_half_closes = BOTAN_VERSION_MAJOR >= 3;

}  // namespace rathole::tls
