#pragma once

#include "../support/bytes.hpp"

#include <rathole/core/byte_buffer.hpp>
#include <rathole/mux/session.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace rathole::test {

using namespace std::chrono_literals;
using mux::flag::ack;
using mux::flag::fin;
using mux::flag::rst;
using mux::flag::syn;

/// The time at which sessions in tests begin.
inline constexpr time_point mux_start{std::chrono::hours(1)};

/// Returns a frame as it is sent, followed by `payload`.
inline byte_vector frame(mux::frame_type type, std::uint16_t flags, mux::stream_id id,
                         std::uint32_t length, byte_view payload = {}) {
  const mux::encoded_header header = mux::encode({type, flags, id, length});
  byte_vector out(header.begin(), header.end());
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}
/// Returns a Data frame.
inline byte_vector data(std::uint16_t flags, mux::stream_id id, byte_view payload = {}) {
  return frame(mux::frame_type::data, flags, id, static_cast<std::uint32_t>(payload.size()),
               payload);
}
/// Returns a Data frame with `count` zeros.
inline byte_vector zeros(std::uint16_t flags, mux::stream_id id, std::size_t count) {
  return data(flags, id, byte_vector(count));
}
/// Returns a window update.
inline byte_vector update(std::uint16_t flags, mux::stream_id id, std::uint32_t added = 0) {
  return frame(mux::frame_type::window_update, flags, id, added);
}
/// Returns a Ping.
inline byte_vector ping(std::uint16_t flags, std::uint32_t value) {
  return frame(mux::frame_type::ping, flags, 0, value);
}
/// Returns a GoAway.
inline byte_vector go_away(std::uint32_t code) {
  return frame(mux::frame_type::go_away, 0, 0, code);
}

/// Returns an event as a line: "opened 1", "acknowledged 1", "data 1 abc", "last 1 abc", "reset 1", "away 0".
inline std::string line_of(const mux::session_event& event) {
  return std::visit(
      [](const auto& seen) {
        using type = std::remove_cvref_t<decltype(seen)>;
        if constexpr (std::is_same_v<type, mux::stream_opened>) {
          return "opened " + std::to_string(seen.id);
        } else if constexpr (std::is_same_v<type, mux::stream_acknowledged>) {
          return "acknowledged " + std::to_string(seen.id);
        } else if constexpr (std::is_same_v<type, mux::stream_data>) {
          const std::string what = seen.are_last ? "last " : "data ";
          return what + std::to_string(seen.id) + " " +
                 std::string(seen.bytes.begin(), seen.bytes.end());
        } else if constexpr (std::is_same_v<type, mux::stream_reset>) {
          return "reset " + std::to_string(seen.id);
        } else {
          return "away " + std::to_string(seen.code);
        }
      },
      event);
}

/// Returns a header as a line, such as "data syn fin 1 +5" or "ping ack 0 +7".
inline std::string line_of(const mux::frame_header& header) {
  static constexpr std::string_view types[] = {"data", "update", "ping", "away"};
  std::string out(types[static_cast<std::size_t>(header.type)]);
  if (header.has(syn)) out += " syn";
  if (header.has(ack)) out += " ack";
  if (header.has(fin)) out += " fin";
  if (header.has(rst)) out += " rst";
  return out + " " + std::to_string(header.id) + " +" + std::to_string(header.length);
}

using lines = std::vector<std::string>;

/// Returns the frames in `in`, which are complete.
inline lines frames_in(byte_view in) {
  lines out;
  while (!in.empty()) {
    const auto header = mux::decode(in.first<mux::header_size>());
    REQUIRE(header.has_value());
    out.push_back(line_of(*header));
    in = in.subspan(mux::header_size + header->payload_size());
  }
  return out;
}

/// A session whose peer is the test.
struct tested_session {
  explicit tested_session(mux::role side, const mux::settings& own = {},
                          const mux::parameters& peer = {})
      : session(side, own, peer, now) {}

  /// Lets the session receive `in` and returns the events; the last one is the text of the error, if
  /// there is one.
  lines receive(byte_view in) {
    lines out;
    while (true) {
      const auto seen = session.receive(in, now);
      if (!seen) {
        out.push_back(seen.error().message());
        error = seen.error();
        return out;
      }
      if (!*seen) break;
      out.push_back(line_of(**seen));
    }
    CHECK(in.empty());
    return out;
  }

  /// Returns what the session transmits.
  lines sent() {
    byte_buffer out;
    const bool has_output = session.has_output();
    const bool any = session.transmit(out);
    CHECK(any == !out.empty());
    CHECK((has_output || !any));
    CHECK(!session.has_output());
    return frames_in(out.data());
  }

  /// Discards what the session has to transmit, and answers the ping with which it begins after
  /// that round trip.
  void settle(duration round_trip) {
    sent();
    now += round_trip;
    CHECK(receive(ping(ack, 1)).empty());
  }

  /// Lets the session send up to `count` bytes of a stream in a frame; returns the frame.
  std::string send(mux::stream_id id, std::uint32_t count, bool are_last = false) {
    session.set_wish(id, count > 0 ? mux::wish::bytes : mux::wish::end);
    REQUIRE(session.next_sender() == id);
    const std::uint32_t taken = std::min(count, session.sendable(id));
    const mux::encoded_header header = session.begin_data(id, taken, are_last);
    session.set_wish(id, mux::wish::nothing);
    return line_of(*mux::decode(header));
  }

  /// Opens a stream.
  mux::stream_id open() {
    const auto id = session.open(now);
    REQUIRE(id.has_value());
    return *id;
  }

  time_point now = mux_start;
  mux::session session;
  std::error_code error;
};

}  // namespace rathole::test
