#pragma once

#include <cstddef>
#include <cstdint>

namespace rathole::protocol {

/// The version that every Hello carries; upstream v0.5.0 speaks 1 and nothing else.
inline constexpr std::uint8_t wire_version = 1;

/// Octets of a digest, a nonce and a session key.
inline constexpr std::size_t digest_size = 32;

/// The longest payload of a UDP datagram over IPv4 (RFC 768, RFC 791): 65,535 less the two headers.
inline constexpr std::size_t max_udp_payload = 65'507;

/// The longest frame of a datagram that a peer can send: the size of its header, a header of that
/// size, and the payload.
inline constexpr std::size_t max_udp_frame = 1 + 255 + 65'535;

}  // namespace rathole::protocol
