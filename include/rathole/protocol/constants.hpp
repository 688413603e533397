#pragma once

#include <cstddef>
#include <cstdint>

namespace rathole::protocol {

/// The version that every Hello carries; upstream v0.5.0 speaks 1 and nothing else.
inline constexpr std::uint8_t wire_version = 1;

/// Octets of a digest, a nonce and a session key.
inline constexpr std::size_t digest_size = 32;

}  // namespace rathole::protocol
