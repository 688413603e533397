#pragma once

#include <botan/version.h>

namespace rathole::tls {

/// Whether the Botan of this build can end one direction of a connection alone: version 3 can in
/// TLS 1.3; version 2 has only TLS 1.2 and never can.
inline constexpr bool botan_half_closes = BOTAN_VERSION_MAJOR >= 3;

}  // namespace rathole::tls
