#pragma once

#include <cstddef>
#include <cstdint>

namespace rathole::protocol {

/// The protocol version in every Hello; upstream v0.5.0 speaks only version 1.
inline constexpr std::uint8_t wire_version = 1;

/// The size of a digest, a nonce and a session key, in bytes.
inline constexpr std::size_t digest_size = 32;

/// The largest payload of a UDP datagram over IPv4 (RFC 768, RFC 791), in bytes: 65,535 minus
/// the two headers.
inline constexpr std::size_t max_udp_payload = 65'507;

/// The size of the longest UDP frame that a peer can send, in bytes: the byte that holds the
/// size of the header, the longest header, and the longest payload.
inline constexpr std::size_t max_udp_frame = 1 + 255 + 65'535;

}  // namespace rathole::protocol
