#pragma once

#include <cstddef>
#include <cstdint>

namespace rathole::protocol {

/// The protocol version in every Hello; upstream v0.5.0 speaks only version 1.
inline constexpr std::uint8_t wire_version = 1;

/// The size of a digest, a nonce and a session key, in bytes.
inline constexpr std::size_t digest_size = 32;

}  // namespace rathole::protocol
