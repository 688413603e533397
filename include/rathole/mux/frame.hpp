#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/endian.hpp>
#include <rathole/core/result.hpp>
#include <rathole/mux/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

// Frames (yamux specification, "Framing"): a header of 12 bytes in network byte order, and, after
// that of a Data frame, the payload.

namespace rathole::mux {

/// The id of a stream: odd if the client opened it, even if the server did. Ids are not reused.
using stream_id = std::uint32_t;

/// The size of a header, in bytes.
inline constexpr std::size_t header_size = 12;

/// The type of a frame.
enum class frame_type : std::uint8_t {
  /// Carries bytes of a stream.
  data = 0,
  /// Adds to the window of a stream.
  window_update = 1,
  /// Asks the peer for an answer, or answers.
  ping = 2,
  /// Announces that no further stream is accepted.
  go_away = 3,
};

/// The flags of a frame, to be combined by `|`.
namespace flag {
/// Opens the stream; in a Ping, asks.
inline constexpr std::uint16_t syn = 1;
/// Acknowledges that the stream was opened; in a Ping, answers.
inline constexpr std::uint16_t ack = 2;
/// Ends the sender's direction of the stream.
inline constexpr std::uint16_t fin = 4;
/// Resets the stream.
inline constexpr std::uint16_t rst = 8;
}  // namespace flag

/// The header of a frame.
struct frame_header {
  /// The type of the frame.
  frame_type type = frame_type::data;
  /// The flags of the frame.
  std::uint16_t flags = 0;
  /// The stream; 0 in a Ping or GoAway.
  stream_id id = 0;
  /// The size of the payload of a Data frame, what a window update adds, both in bytes; the value
  /// of a Ping, or the code of a GoAway.
  std::uint32_t length = 0;

  /// Returns whether the frame has that flag.
  [[nodiscard]] constexpr bool has(std::uint16_t one) const { return (flags & one) != 0; }
  /// Returns the size of what follows the header, in bytes.
  [[nodiscard]] constexpr std::uint32_t payload_size() const {
    return type == frame_type::data ? length : 0;
  }

  /// Compares all members.
  bool operator==(const frame_header&) const = default;
};

/// A header as it is sent.
using encoded_header = std::array<std::uint8_t, header_size>;

/// Encodes `header`.
inline encoded_header encode(const frame_header& header) {
  encoded_header out{};
  const std::span view(out);
  out[1] = static_cast<std::uint8_t>(header.type);
  store_be(header.flags, view.subspan<2, 2>());
  store_be(header.id, view.subspan<4, 4>());
  store_be(header.length, view.subspan<8, 4>());
  return out;
}

/// Decodes a header. Fails with `wrong_version`, `unknown_type`, `contradictory_flags` or
/// `wrong_stream_id` for what is wrong whatever came before: of the flags, a stream may be opened
/// or acknowledged, but not both, and ended or reset, but not both, and one that is opened is not
/// reset at once; a Ping either asks or answers; a GoAway has no flags.
inline result<frame_header> decode(std::span<const std::uint8_t, header_size> in) {
  if (in[0] != 0) return failure(mux_errc::wrong_version);
  if (in[1] > static_cast<std::uint8_t>(frame_type::go_away)) {
    return failure(mux_errc::unknown_type);
  }
  frame_header out;
  out.type = static_cast<frame_type>(in[1]);
  out.flags = load_be<std::uint16_t>(in.subspan<2, 2>());
  out.id = load_be<stream_id>(in.subspan<4, 4>());
  out.length = load_be<std::uint32_t>(in.subspan<8, 4>());
  const auto both = [&](std::uint16_t one, std::uint16_t other) {
    return out.has(one) && out.has(other);
  };
  bool is_allowed = false;
  switch (out.type) {
    case frame_type::data:
    case frame_type::window_update:
      is_allowed = out.flags < 16 && !both(flag::syn, flag::ack) && !both(flag::fin, flag::rst) &&
                   !both(flag::syn, flag::rst);
      break;
    case frame_type::ping: is_allowed = out.flags == flag::syn || out.flags == flag::ack; break;
    case frame_type::go_away: is_allowed = out.flags == 0; break;
  }
  if (!is_allowed) return failure(mux_errc::contradictory_flags);
  const bool has_stream = out.type == frame_type::data || out.type == frame_type::window_update;
  if (has_stream != (out.id != 0)) return failure(mux_errc::wrong_stream_id);
  return out;
}

}  // namespace rathole::mux
