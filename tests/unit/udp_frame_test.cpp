#include "../support/wire_examples.hpp"

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/hex.hpp>
#include <rathole/protocol/bincode.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace rathole::test {
namespace {

using protocol::bincode;

byte_vector frame_of(const ip_endpoint& visitor, byte_view payload) {
  byte_buffer out;
  bincode::append_udp_frame(visitor, payload, out);
  return {out.data().begin(), out.data().end()};
}

/// Returns the result of decoding: a frame, incomplete, or malformed.
enum class verdict { frame, incomplete, malformed };

verdict judge(byte_view in) {
  const auto decoded = bincode::decode_udp_frame(in);
  if (!decoded) {
    CHECK(decoded.error() == errc::malformed_message);
    return verdict::malformed;
  }
  return *decoded ? verdict::frame : verdict::incomplete;
}

TEST_CASE("UDP frame: the worked examples, both ways") {
  struct example {
    ip_endpoint visitor;
    byte_view payload;
    byte_vector encoded;
  };
  const ip_endpoint v4{{192, 0, 2, 10}, 50000, false};
  const ip_endpoint v6{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 53124, true};
  const ip_endpoint mapped{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 10}, 50000, true};
  const std::vector<example> examples{
      {v4, text("ping"), wire::udp_frame_v4},
      {v6, text("hello"), wire::udp_frame_v6},
      {mapped, {}, wire::udp_frame_mapped},
  };
  for (const example& one : examples) {
    CAPTURE(to_hex(one.encoded));
    CHECK(to_hex(frame_of(one.visitor, one.payload)) == to_hex(one.encoded));
    const auto decoded = bincode::decode_udp_frame(one.encoded);
    REQUIRE((decoded && *decoded));
    CHECK((*decoded)->visitor == one.visitor);
    CHECK(std::ranges::equal((*decoded)->payload, one.payload));
    CHECK((*decoded)->size == one.encoded.size());
  }
}

TEST_CASE("UDP frame: encoding appends and changes nothing before it") {
  byte_buffer out;
  out.append(text("before"));
  bincode::append_udp_frame({{192, 0, 2, 10}, 50000, false}, text("ping"), out);
  const byte_vector all(out.data().begin(), out.data().end());
  CHECK(to_hex(all) == to_hex(text("before")) + to_hex(wire::udp_frame_v4));
}

TEST_CASE(
    "UDP frame: a truncated frame is incomplete, and bytes after a frame are not part of it") {
  for (const byte_vector& whole :
       {wire::udp_frame_v4, wire::udp_frame_v6, wire::udp_frame_mapped}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(size);
      CHECK(judge(byte_view(whole).first(size)) == verdict::incomplete);
    }
    const byte_vector followed = whole + wire::udp_frame_v4;
    const auto first = bincode::decode_udp_frame(followed);
    REQUIRE((first && *first));
    CHECK((*first)->size == whole.size());
  }
}

TEST_CASE("UDP frame: payloads of every extreme size") {
  const ip_endpoint visitor{{10, 0, 0, 1}, 1, false};
  for (const std::size_t size : {0u, 1u, 255u, 256u, 2048u, 65'507u, 65'535u}) {
    CAPTURE(size);
    const byte_vector payload(size, 0xa5);
    const byte_vector whole = frame_of(visitor, payload);
    CHECK(whole.size() == 13 + size);
    const auto decoded = bincode::decode_udp_frame(whole);
    REQUIRE((decoded && *decoded));
    CHECK((*decoded)->size == whole.size());
    CHECK(std::ranges::equal((*decoded)->payload, payload));
    CHECK(judge(byte_view(whole).first(whole.size() - 1)) == verdict::incomplete);
  }
}

TEST_CASE("UDP frame: a header that cannot hold an address is malformed at its first byte") {
  for (int size = 0; size < 12; ++size) {
    CAPTURE(size);
    const std::array<std::uint8_t, 1> in{static_cast<std::uint8_t>(size)};
    CHECK(judge(in) == verdict::malformed);
  }
  for (int size = 12; size < 256; ++size) {
    const std::array<std::uint8_t, 1> in{static_cast<std::uint8_t>(size)};
    CHECK(judge(in) == verdict::incomplete);
  }
}

TEST_CASE("UDP frame: an IPv6 header of 12 to 23 bytes is malformed, once it has arrived") {
  for (std::uint8_t size = 12; size < 24; ++size) {
    CAPTURE(size);
    byte_vector in = wire::udp_frame_v6;
    in[0] = size;
    CHECK(judge(byte_view(in).first(1u + size)) == verdict::malformed);
    CHECK(judge(in) == verdict::malformed);
  }
}

TEST_CASE("UDP frame: unknown families are malformed, in every byte of the index") {
  for (std::size_t byte = 1; byte <= 4; ++byte) {
    byte_vector in = wire::udp_frame_v6;
    in[byte] = 2;
    CAPTURE(byte);
    CHECK(judge(in) == verdict::malformed);
    in[byte] = 0xff;
    CHECK(judge(byte_view(in).first(25)) == verdict::malformed);
  }
}

TEST_CASE("UDP frame: header bytes after the known fields are ignored") {
  for (const std::size_t extra : {1u, 11u, 12u, 100u, 243u}) {
    CAPTURE(extra);
    byte_vector in(wire::udp_frame_v4.begin(), wire::udp_frame_v4.begin() + 13);
    in[0] = static_cast<std::uint8_t>(12 + extra);
    in = in + byte_vector(extra, 0xff) + bytes("70 69 6e 67");
    const auto decoded = bincode::decode_udp_frame(in);
    REQUIRE((decoded && *decoded));
    CHECK((*decoded)->size == 17 + extra);
    CHECK((*decoded)->visitor == ip_endpoint{{192, 0, 2, 10}, 50000, false});
    CHECK(std::ranges::equal((*decoded)->payload, text("ping")));
    for (std::size_t size = 0; size < in.size(); ++size) {
      CHECK(judge(byte_view(in).first(size)) == verdict::incomplete);
    }
  }
}

}  // namespace
}  // namespace rathole::test
