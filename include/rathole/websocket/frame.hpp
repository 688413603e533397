#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/endian.hpp>
#include <rathole/core/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

// Frames (RFC 6455 section 5.2): two bytes, a length of 2 or 8 bytes if the 7 bits in the second
// byte cannot hold it, 4 bytes of mask if there is one, and the payload.

namespace rathole::websocket {

/// The kind of a frame (RFC 6455 section 5.2).
enum class opcode : std::uint8_t {
  /// A further fragment of a message.
  continuation = 0,
  /// A Text message or its first fragment.
  text = 1,
  /// A Binary message or its first fragment.
  binary = 2,
  /// The end of the sender's direction, or of the connection.
  close = 8,
  /// A request for a Pong.
  ping = 9,
  /// The response to a Ping.
  pong = 10
};

/// Returns whether frames of that kind may occur between the fragments of a message.
constexpr bool is_control(opcode op) { return static_cast<std::uint8_t>(op) >= 8; }

/// The largest payload of a control frame (RFC 6455 section 5.5), in bytes.
inline constexpr std::size_t max_control_payload = 125;

/// The key with which a payload is masked: byte i is XORed with key byte i modulo 4.
using mask_key = std::array<std::uint8_t, 4>;

/// The header of a frame: everything but its payload.
struct frame_header {
  /// Whether the frame is the last fragment of its message.
  bool fin = true;
  /// The kind of the frame.
  opcode op = opcode::binary;
  /// The size of the payload, in bytes.
  std::uint64_t length = 0;
  /// The key, if the payload is masked.
  std::optional<mask_key> mask = {};

  /// The size of the longest header, in bytes.
  static constexpr std::size_t max_size = 14;

  /// Compares all members.
  bool operator==(const frame_header&) const = default;
};

/// Returns the size of a header with that second byte, in bytes.
constexpr std::size_t header_size(std::uint8_t second) {
  const std::size_t length = (second & 0x7f) == 126 ? 2 : (second & 0x7f) == 127 ? 8 : 0;
  return 2 + length + (second & 0x80 ? 4 : 0);
}

/// Encodes `header` with the shortest length field into the front of `out`, which must have
/// `frame_header::max_size` bytes; returns the size of the header.
inline std::size_t encode(const frame_header& header, byte_span out) {
  out[0] = static_cast<std::uint8_t>((header.fin ? 0x80 : 0) | static_cast<unsigned>(header.op));
  std::size_t size = 2;
  if (header.length < 126) {
    out[1] = static_cast<std::uint8_t>(header.length);
  } else if (header.length <= 0xffff) {
    out[1] = 126;
    store_be(static_cast<std::uint16_t>(header.length), out.subspan(2).first<2>());
    size += 2;
  } else {
    out[1] = 127;
    store_be(header.length, out.subspan(2).first<8>());
    size += 8;
  }
  if (header.mask) {
    out[1] |= 0x80;
    for (const std::uint8_t byte : *header.mask) out[size++] = byte;
  }
  return size;
}

/// Decodes the header at the front of `in`, which must be complete. Fails with `malformed_message`
/// for reserved bits or opcodes, a length field that is longer than necessary, and a control frame
/// that is fragmented or too long.
inline result<frame_header> decode(byte_view in) {
  frame_header out;
  out.fin = (in[0] & 0x80) != 0;
  out.op = static_cast<opcode>(in[0] & 0x0f);
  out.length = in[1] & 0x7f;
  std::size_t size = 2;
  std::uint64_t least = 0;
  if (out.length == 126) {
    out.length = load_be<std::uint16_t>(in.subspan(2).first<2>());
    least = 126;
    size += 2;
  } else if (out.length == 127) {
    out.length = load_be<std::uint64_t>(in.subspan(2).first<8>());
    least = 0x10000;
    size += 8;
  }
  if (in[1] & 0x80) {
    const byte_view bytes = in.subspan(size).first<4>();
    out.mask = mask_key{bytes[0], bytes[1], bytes[2], bytes[3]};
  }
  const bool is_reserved = (in[0] & 0x70) != 0 || (in[0] & 0x07) > 2;
  const bool is_misspelled = out.length < least || out.length >> 63 != 0;
  const bool is_bad_control = is_control(out.op) && (!out.fin || out.length > max_control_payload);
  if (is_reserved || is_misspelled || is_bad_control) return failure(errc::malformed_message);
  return out;
}

}  // namespace rathole::websocket
