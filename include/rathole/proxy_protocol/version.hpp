#pragma once

#include <cstdint>

namespace rathole::proxy_protocol {

/// The version of a header of the PROXY protocol.
enum class version : std::uint8_t {
  /// A line of text, for TCP only (section 2.1).
  v1,
  /// A binary header, for TCP and UDP (section 2.2).
  v2
};

}  // namespace rathole::proxy_protocol
