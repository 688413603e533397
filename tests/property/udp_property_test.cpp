#include "../support/property.hpp"

#include <rathole/core/byte_buffer.hpp>
#include <rathole/protocol/udp_frame_reader.hpp>
#include <rathole/protocol/udp_sessions.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

namespace rathole::test {
namespace {

using protocol::bincode;
using protocol::udp_frame_reader;

/// A frame that owns its payload, and the ignored bytes of its header.
struct owned_frame {
  ip_endpoint visitor;
  byte_vector payload;
  std::size_t padding = 0;

  bool operator==(const owned_frame&) const = default;
};

/// The size of the longest frame: its length byte, the longest header, the longest payload.
constexpr std::size_t max_frame = 1 + 255 + 65'535;

ip_endpoint any_endpoint(int ports) {
  ip_endpoint out;
  out.is_v6 = *rc::gen::arbitrary<bool>();
  for (std::size_t i = 0; i < (out.is_v6 ? 16u : 4u); ++i) {
    out.ip[i] = *rc::gen::arbitrary<std::uint8_t>();
  }
  out.port = static_cast<std::uint16_t>(*rc::gen::inRange(0, ports));
  return out;
}

owned_frame any_frame() {
  owned_frame out{any_endpoint(65'536), *any_bytes(40), 0};
  // This draws boundary sizes more often.
  if (*rc::gen::inRange(0, 8) == 0) {
    out.payload.assign(*rc::gen::element<std::size_t>(2048, 65'507, 65'535), 0x5a);
  }
  if (*rc::gen::inRange(0, 4) == 0) {
    out.padding = *rc::gen::inRange<std::size_t>(0, out.visitor.is_v6 ? 232 : 244);
  }
  return out;
}

/// Returns the bytes of a frame, encoded by the test itself.
byte_vector encoded(const owned_frame& in) {
  const std::size_t ip_size = in.visitor.is_v6 ? 16 : 4;
  byte_vector out;
  const auto add = [&out](std::size_t value) { out.push_back(static_cast<std::uint8_t>(value)); };
  add(4 + ip_size + 4 + in.padding);
  for (const std::size_t each : {in.visitor.is_v6 ? 1u : 0u, 0u, 0u, 0u}) add(each);
  for (std::size_t i = 0; i < ip_size; ++i) add(in.visitor.ip[i]);
  for (const std::size_t each : {std::size_t{in.visitor.port}, in.payload.size()}) {
    add(each & 0xff);
    add(each >> 8);
  }
  out.insert(out.end(), in.padding, 0xff);
  return out + in.payload;
}

/// A reader with its input and output.
struct reading {
  udp_frame_reader<> reader;
  std::vector<owned_frame> frames = {};
  std::error_code error = {};
  /// The bytes that belong to no complete frame yet.
  std::size_t held = 0;

  void feed(byte_view in) {
    const byte_span room = reader.room();
    RC_ASSERT(room.size() == udp_frame_reader<>::read_size);
    std::copy(in.begin(), in.end(), room.begin());
    reader.received(in.size());
    held += in.size();
    cut();
  }

  void cut() {
    // Views stay valid until the next call.
    std::vector<protocol::udp_frame> views;
    for (;;) {
      const auto next = reader.next();
      if (!next) {
        error = next.error();
        break;
      }
      if (!*next) break;
      RC_ASSERT(!error);
      views.push_back(**next);
      held -= (*next)->size;
      RC_ASSERT(reader.is_within_frame() == (held > 0));
    }
    for (const protocol::udp_frame& each : views) {
      frames.push_back({each.visitor, {each.payload.begin(), each.payload.end()}, 0});
    }
    RC_ASSERT(reader.is_within_frame() == (held > 0));
    if (!error) RC_ASSERT(held < max_frame);
  }
};

/// Feeds all of `in` to the reader in pieces of random sizes.
void feed_in_pieces(reading& to, byte_view in) {
  const auto longest =
      *rc::gen::element<std::size_t>(1, 2, 13, 40, 3000, udp_frame_reader<>::read_size);
  std::minstd_rand random(*rc::gen::arbitrary<std::uint32_t>());
  while (!in.empty()) {
    const std::size_t size = std::min<std::size_t>(in.size(), random() % (longest + 1));
    to.feed(in.first(size));
    in = in.subspan(size);
    if (random() % 2 == 0) to.reader.trim();
  }
}

TEST_CASE("udp_frame_reader: any split of the stream gives the same frames") {
  RATHOLE_PROPERTY("any chunking", [] {
    std::vector<owned_frame> sent;
    byte_vector stream;
    for (int count = *rc::gen::inRange(0, 12); count > 0; --count) {
      sent.push_back(any_frame());
      const byte_vector bytes = encoded(sent.back());
      stream.insert(stream.end(), bytes.begin(), bytes.end());
      sent.back().padding = 0;
    }
    reading all;
    feed_in_pieces(all, stream);
    RC_ASSERT(!all.error);
    RC_ASSERT(all.held == 0u);
    const bool is_same = all.frames == sent;
    RC_ASSERT(is_same);
  });
}

TEST_CASE("udp_frame_reader: an error follows the frames before it, and is final") {
  RATHOLE_PROPERTY("malformed", [] {
    const owned_frame good{any_endpoint(65'536), *any_bytes(40), 0};
    byte_vector bad = encoded(any_frame());
    if (*rc::gen::arbitrary<bool>()) {
      bad[0] = static_cast<std::uint8_t>(*rc::gen::inRange(0, 12));
    } else {
      bad[*rc::gen::inRange<std::size_t>(1, 5)] ^=
          static_cast<std::uint8_t>(2 << *rc::gen::inRange(0, 7));
    }
    reading all;
    feed_in_pieces(all, encoded(good) + bad);
    RC_ASSERT(all.error == errc::malformed_message);
    RC_ASSERT(all.frames.size() == 1u);
    RC_ASSERT(all.frames[0] == good);
    // Not even by one frame.
    feed_in_pieces(all, encoded(good));
    RC_ASSERT(all.reader.next().error() == errc::malformed_message);
    RC_ASSERT(all.frames.size() == 1u);
  });
}

TEST_CASE("UDP frames: whatever decodes is re-encoded as an equivalent frame") {
  RATHOLE_PROPERTY("a frame with another byte", [] {
    byte_vector in = encoded(any_frame());
    in[*rc::gen::inRange<std::size_t>(0, in.size())] = *rc::gen::arbitrary<std::uint8_t>();
    const auto decoded = bincode::decode_udp_frame(in);
    if (!decoded) {
      RC_ASSERT(decoded.error() == errc::malformed_message);
      return;
    }
    if (!*decoded) return;
    const protocol::udp_frame& frame = **decoded;
    RC_ASSERT(frame.size <= in.size());
    byte_buffer out;
    bincode::append_udp_frame(frame.visitor, frame.payload, out);
    RC_ASSERT(out.size() <= frame.size);
    const auto again = bincode::decode_udp_frame(out.data());
    RC_ASSERT(again.has_value() && again->has_value());
    const bool is_same = (*again)->visitor == frame.visitor;
    RC_ASSERT(is_same);
    RC_ASSERT(std::ranges::equal((*again)->payload, frame.payload));
    RC_ASSERT((*again)->size == out.size());
  });
}

/// A simple model of `udp_sessions`: a list that is searched from front to back; the longest idle
/// visitor is the first.
struct listed {
  ip_endpoint visitor;
  time_point last;
  int value;
};

TEST_CASE("udp_sessions match a list in the order of the last traffic") {
  RATHOLE_PROPERTY("udp_sessions", [](std::uint64_t seed) {
    auto limit = *rc::gen::inRange<std::size_t>(0, 6);
    auto idle = std::chrono::seconds(*rc::gen::inRange(1, 5));
    protocol::udp_sessions<int> sessions(limit, idle, seed);
    limit = std::max<std::size_t>(limit, 1);
    std::vector<listed> model;
    time_point now{};
    const auto known = [&](const ip_endpoint& who) {
      return std::ranges::find(model, who, &listed::visitor);
    };
    const int steps = *rc::gen::inRange(0, 100);
    for (int i = 0; i < steps; ++i) {
      const ip_endpoint who{{10, 0, 0, 1}, *rc::gen::inRange<std::uint16_t>(0, 8), i % 2 == 0};
      const auto found = known(who);
      now += std::chrono::milliseconds(*rc::gen::element(0, 0, 1, 500, 1000, 3000));
      switch (*rc::gen::inRange(0, 10)) {
        case 0:
          sessions.erase(who);
          if (found != model.end()) model.erase(found);
          break;
        case 1: {
          limit = *rc::gen::inRange<std::size_t>(0, 6);
          idle = std::chrono::seconds(*rc::gen::inRange(1, 5));
          sessions.set_limits(limit, idle);
          limit = std::max<std::size_t>(limit, 1);
          break;
        }
        case 2:
          if (model.empty()) break;
          RC_ASSERT(sessions.pop_oldest() == model.front().value);
          model.erase(model.begin());
          break;
        case 3:
        case 4: {
          const bool is_due = !model.empty() && model.front().last + idle <= now;
          const auto expired = sessions.expire(now);
          RC_ASSERT(expired.has_value() == is_due);
          if (!is_due) break;
          RC_ASSERT(*expired == model.front().value);
          model.erase(model.begin());
          break;
        }
        case 5:
          if (*rc::gen::inRange(0, 8) != 0) break;
          sessions.clear();
          model.clear();
          break;
        default: {
          int* const value = sessions.touch(who, now);
          RC_ASSERT((value != nullptr) == (found != model.end()));
          if (value) {
            RC_ASSERT(*value == found->value);
            model.push_back({who, now, found->value});
            model.erase(known(who));
          } else if (model.size() < limit) {
            RC_ASSERT(sessions.add(who, i, now) == i);
            model.push_back({who, now, i});
          }
          break;
        }
      }
      RC_ASSERT(sessions.size() == model.size());
      RC_ASSERT(sessions.empty() == model.empty());
      RC_ASSERT(sessions.full() == (model.size() >= limit));
      RC_ASSERT(sessions.limit() == limit);
      const auto deadline = sessions.deadline();
      RC_ASSERT(deadline.has_value() == !model.empty());
      if (deadline) RC_ASSERT((*deadline == model.front().last + idle));
    }
  });
}

}  // namespace
}  // namespace rathole::test
