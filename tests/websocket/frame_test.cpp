#include "../support/property.hpp"

#include <rathole/websocket/frame.hpp>
#include <rathole/websocket/mask.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace rathole::test {
namespace {

using websocket::frame_header;
using websocket::mask_key;
using websocket::opcode;

byte_vector encoded(const frame_header& header) {
  byte_vector out(frame_header::max_size);
  out.resize(encode(header, out));
  return out;
}

TEST_CASE("frame: lengths are encoded in as few bytes as possible") {
  const auto hex = [](std::uint64_t length) { return to_hex(encoded({.length = length})); };
  CHECK(hex(0) == "8200");
  CHECK(hex(125) == "827d");
  CHECK(hex(126) == "827e007e");
  CHECK(hex(65535) == "827effff");
  CHECK(hex(65536) == "827f0000000000010000");
  CHECK(hex(0x7fffffffffffffff) == "827f7fffffffffffffff");
}

TEST_CASE("frame: a header is read as it was written") {
  RATHOLE_PROPERTY("frame_header", [] {
    frame_header in;
    in.op = *rc::gen::element(opcode::continuation, opcode::text, opcode::binary, opcode::close,
                              opcode::ping, opcode::pong);
    const int bits = *rc::gen::inRange(0, 64);
    in.length = *rc::gen::arbitrary<std::uint64_t>() & ((std::uint64_t{1} << bits) - 1);
    if (is_control(in.op)) {
      in.length %= 126;
    } else {
      in.fin = *rc::gen::arbitrary<bool>();
    }
    if (*rc::gen::arbitrary<bool>()) in.mask = *rc::gen::arbitrary<mask_key>();
    const byte_vector wire = encoded(in);
    RC_ASSERT(websocket::header_size(wire[1]) == wire.size());
    RC_ASSERT(holds(websocket::decode(wire), in));
  });
}

TEST_CASE("frame: frames survive a round trip") {
  RATHOLE_PROPERTY("bytes", [] {
    byte_vector wire = *any_bytes(14);
    wire.resize(2 + wire.size());
    const std::size_t size = websocket::header_size(wire[1]);
    wire.resize(std::max(wire.size(), size));
    const auto header = websocket::decode(wire);
    if (!header) {
      RC_ASSERT(header.error() == make_error_code(errc::malformed_message));
      return;
    }
    wire.resize(size);
    RC_ASSERT(encoded(*header) == wire);
  });
}

TEST_CASE("mask: any offset and size, also in place, equals masking byte by byte") {
  RATHOLE_PROPERTY("mask", [](const mask_key& key) {
    const byte_vector in = *any_bytes(150);
    const auto offset = *rc::gen::inRange<std::size_t>(0, 70'000);
    const auto skip = *rc::gen::inRange<std::size_t>(0, 9);
    byte_vector expected(in);
    for (std::size_t i = 0; i < in.size(); ++i) {
      expected[i] = static_cast<std::uint8_t>(in[i] ^ key[(offset + i) % 4]);
    }
    byte_vector out(skip + in.size());
    websocket::mask(in, byte_span(out).subspan(skip), key, offset);
    out.erase(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(skip));
    RC_ASSERT(out == expected);
    websocket::mask(out, out, key, offset);
    RC_ASSERT(out == in);
  });
}

}  // namespace
}  // namespace rathole::test
