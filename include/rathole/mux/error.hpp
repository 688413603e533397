#pragma once

#include <rathole/core/require_cxx23.hpp>

#include <cstdint>
#include <string>
#include <system_error>

namespace rathole::mux {

/// Why a session ended, or does not open a stream.
enum class mux_errc {
  /// A frame of another version than 0 arrived.
  wrong_version = 1,
  /// A frame of an unknown type arrived.
  unknown_type,
  /// The flags of a frame are unknown, contradict each other, or do not fit its type or stream.
  contradictory_flags,
  /// A frame names a stream that its type does not allow, or opens one with an id that belongs to
  /// the other side.
  wrong_stream_id,
  /// A stream was opened with an id that is not above all earlier ones.
  stream_id_reused,
  /// A frame is for a stream that was never opened.
  unknown_stream,
  /// Data or an end arrived on a stream whose sender had ended it.
  data_after_end,
  /// More data arrived on closed streams than can have been on its way when they were closed.
  data_after_close,
  /// More data arrived on a stream than its window allowed.
  window_overrun,
  /// Window updates add up to more than 2^32 - 1 bytes.
  window_overflow,
  /// A peer that is not authenticated sent more than `max_unauthenticated_unread` bytes that
  /// nobody read.
  unread_overflow,
  /// The peer kept opening streams although it had as many as it may have.
  stream_flood,
  /// The peer sent too many pings.
  ping_flood,
  /// The peer reset too many streams.
  reset_flood,
  /// The peer sent too many window updates.
  window_update_flood,
  /// The peer sent too many frames without payload, or opened too many streams.
  frame_flood,
  /// The peer caused more answers than may wait, and did not read them.
  unread_answers,
  /// The peer sent nothing for the keepalive interval, and did not answer the ping after it.
  no_answer,
  /// All ids of streams have been used; another connection is needed.
  ids_exhausted,
  /// One of the two sides has announced that it goes away, so that no stream can be opened.
  going_away,
};

/// The code of a GoAway frame (yamux specification, "Go Away").
enum class go_away_code : std::uint32_t {
  /// The connection ends in order.
  normal = 0,
  /// The receiver of the frame broke the protocol.
  protocol_error = 1,
  /// The sender of the frame failed.
  internal_error = 2,
};

/// Returns the category of `mux_errc`, whose name is "rathole.mux".
inline const std::error_category& mux_category() noexcept {
  struct category final : std::error_category {
    const char* name() const noexcept override { return "rathole.mux"; }
    std::string message(int value) const override {
      switch (static_cast<mux_errc>(value)) {
        case mux_errc::wrong_version: return "the peer sent a frame of another version of yamux";
        case mux_errc::unknown_type: return "the peer sent a frame of an unknown type";
        case mux_errc::contradictory_flags:
          return "the peer sent a frame whose flags are not allowed there";
        case mux_errc::wrong_stream_id:
          return "the peer sent a frame with a stream id that is not allowed there";
        case mux_errc::stream_id_reused: return "the peer used the id of a stream again";
        case mux_errc::unknown_stream:
          return "the peer sent a frame for a stream that never existed";
        case mux_errc::data_after_end:
          return "the peer sent data on a stream after it had ended its direction";
        case mux_errc::data_after_close:
          return "the peer kept sending data on streams that were closed";
        case mux_errc::window_overrun:
          return "the peer sent more on a stream than its window allowed";
        case mux_errc::window_overflow: return "the peer opened a window beyond 2^32 - 1 bytes";
        case mux_errc::unread_overflow: return "the peer sent too much before it was authenticated";
        case mux_errc::stream_flood: return "the peer kept opening streams beyond its limit";
        case mux_errc::ping_flood: return "the peer sent too many pings";
        case mux_errc::reset_flood: return "the peer opened and reset too many streams";
        case mux_errc::window_update_flood: return "the peer sent too many window updates";
        case mux_errc::frame_flood: return "the peer sent too many frames without data";
        case mux_errc::unread_answers: return "the peer does not read the answers to its frames";
        case mux_errc::no_answer: return "the peer did not answer a ping";
        case mux_errc::ids_exhausted: return "all stream ids of the connection are used";
        case mux_errc::going_away: return "the connection is going away";
      }
      return "unknown error";
    }
  };
  static const category instance;
  return instance;
}

/// Returns `value` as a `std::error_code`; found by argument-dependent lookup, it makes `mux_errc`
/// convertible.
inline std::error_code make_error_code(mux_errc value) noexcept {
  return {static_cast<int>(value), mux_category()};
}

/// Returns the code of the GoAway frame that ends a session because of `reason`.
constexpr go_away_code go_away_code_of(mux_errc reason) {
  switch (reason) {
    case mux_errc::no_answer: return go_away_code::internal_error;
    case mux_errc::ids_exhausted:
    case mux_errc::going_away: return go_away_code::normal;
    default: return go_away_code::protocol_error;
  }
}

}  // namespace rathole::mux

/// Marks `mux_errc` as an error code enumeration, so that it converts to `std::error_code`.
template <>
struct std::is_error_code_enum<rathole::mux::mux_errc> : std::true_type {};
