#pragma once

#include "check.hpp"

#include <rathole/core/byte_buffer.hpp>
#include <rathole/protocol/udp_frame_reader.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <system_error>
#include <vector>

namespace rathole::fuzz {

/// The result of reading an input.
struct udp_reading {
  struct frame {
    ip_endpoint visitor;
    std::vector<std::uint8_t> payload;
    std::size_t size;
    bool operator==(const frame&) const = default;
  };

  std::vector<frame> frames = {};
  std::error_code error = {};
  bool operator==(const udp_reading&) const = default;
};

/// Reads frames from pieces of at most `piece` bytes; frees memory in between if `trims`.
inline udp_reading read_udp(byte_view in, std::size_t piece, bool trims) {
  protocol::udp_frame_reader<> reader;
  udp_reading out;
  std::size_t held = 0;
  while (!in.empty()) {
    const byte_span room = reader.room();
    const byte_view part = in.first(std::min({piece, in.size(), room.size()}));
    in = in.subspan(part.size());
    std::ranges::copy(part, room.begin());
    reader.received(part.size());
    held += part.size();
    for (;;) {
      const auto next = reader.next();
      if (!next) {
        check(!out.error || out.error == next.error());
        out.error = next.error();
        break;
      }
      // An error is permanent.
      check(!out.error);
      if (!*next) break;
      out.frames.push_back(
          {(*next)->visitor, {(*next)->payload.begin(), (*next)->payload.end()}, (*next)->size});
      check((*next)->size <= held);
      held -= (*next)->size;
    }
    check(reader.is_within_frame() == (held > 0));
    check(out.error || held < 1 + 255 + 65'535);
    if (trims) reader.trim();
  }
  return out;
}

/// Checks that any split of the bytes gives the same frames, and that each frame is encoded as an
/// equivalent frame, all of whose bytes are needed.
inline void check_udp(byte_view in, std::size_t piece) {
  const udp_reading whole = read_udp(in, in.size() + 1, false);
  check(read_udp(in, 1, true) == whole && read_udp(in, piece, piece % 2 == 0) == whole);
  check(!whole.error || whole.error == errc::malformed_message);
  for (const udp_reading::frame& each : whole.frames) {
    byte_buffer again;
    protocol::bincode::append_udp_frame(each.visitor, each.payload, again);
    check(again.size() <= each.size);
    // Without ignored bytes there is only one encoding.
    check(again.size() < each.size || std::ranges::equal(again.data(), in.first(each.size)));
    const udp_reading reread = read_udp(again.data(), piece, false);
    check(!reread.error && reread.frames.size() == 1);
    check(reread.frames[0].visitor == each.visitor && reread.frames[0].payload == each.payload);
    check(read_udp(again.data().first(again.size() - 1), piece, false) == udp_reading());
    in = in.subspan(each.size);
  }
}

}  // namespace rathole::fuzz
