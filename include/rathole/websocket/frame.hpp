#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/endian.hpp>
#include <rathole/core/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

/// Frames (RFC 6455 section 5.2): two octets, a length of 2 or 8 octets if the 7 bits in the second
/// do not hold it, 4 octets of mask, and the payload.
namespace rathole::websocket {

/// What a frame is.
enum class opcode : std::uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10
};

/// Whether frames of that kind may stand between the fragments of a message.
constexpr bool is_control(opcode op) { return static_cast<std::uint8_t>(op) >= 8; }

/// The most payload of a control frame (RFC 6455 section 5.5).
inline constexpr std::size_t maximum_control_payload = 125;

/// What a payload is exclusive-ored with, over and over.
using mask_key = std::array<std::uint8_t, 4>;

/// All of a frame but its payload.
struct frame_header {
  bool fin = true;
  opcode op = opcode::binary;
  std::uint64_t length = 0;
  std::optional<mask_key> mask = {};

  static constexpr std::size_t maximum_size = 14;

  bool operator==(const frame_header&) const = default;
};

/// The size of a header with that second octet.
constexpr std::size_t header_size(std::uint8_t second) {
  const std::size_t length = (second & 0x7f) == 126 ? 2 : (second & 0x7f) == 127 ? 8 : 0;
  return 2 + length + (second & 0x80 ? 4 : 0);
}

/// Writes `header` to the front of `out`, which has `frame_header::maximum_size` octets, with the
/// shortest length that holds it; returns its size.
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
    for (const std::uint8_t octet : *header.mask) out[size++] = octet;
  }
  return size;
}

/// Reads a header of which all octets are there. Errors: `malformed_message` for reserved bits or
/// opcodes, a length that is not spelled as shortly as can be, and a control frame that is
/// fragmented or too long.
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
    const byte_view octets = in.subspan(size).first<4>();
    out.mask = mask_key{octets[0], octets[1], octets[2], octets[3]};
  }
  const bool is_reserved = (in[0] & 0x70) != 0 || (in[0] & 0x07) > 2;
  const bool is_misspelled = out.length < least || out.length >> 63 != 0;
  const bool is_bad_control =
      is_control(out.op) && (!out.fin || out.length > maximum_control_payload);
  if (is_reserved || is_misspelled || is_bad_control) return failure(errc::malformed_message);
  return out;
}

}  // namespace rathole::websocket
