#include "../support/bytes.hpp"

#include <rathole/core/cursor.hpp>
#include <rathole/core/endian.hpp>
#include <rathole/core/hex.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstdint>

namespace rathole::test {
namespace {

TEST_CASE("endian: numbers in both byte orders, at any alignment") {
  std::array<std::uint8_t, 9> memory{};
  const byte_span at = byte_span(memory).subspan(1);

  store_le<std::uint32_t>(0x01020304, at.first<4>());
  CHECK(to_hex(at) == "0403020100000000");
  CHECK(load_le<std::uint32_t>(at.first<4>()) == 0x01020304);
  CHECK(load_be<std::uint32_t>(at.first<4>()) == 0x04030201);

  store_be<std::uint64_t>(0x0102030405060708, at.first<8>());
  CHECK(to_hex(at) == "0102030405060708");
  CHECK(load_be<std::uint64_t>(at.first<8>()) == 0x0102030405060708);
  CHECK(load_le<std::uint16_t>(at.first<2>()) == 0x0201);

  store_be<std::uint8_t>(0xab, at.first<1>());
  CHECK(load_le<std::uint8_t>(at.first<1>()) == 0xab);
}

TEST_CASE("hex: digits of both cases in, lower case out") {
  CHECK(to_hex({}).empty());
  CHECK(to_hex(bytes("00 ff 10 a5")) == "00ff10a5");
  CHECK(from_hex("00fF10A5") == bytes("00 ff 10 a5"));
  CHECK(from_hex("") == byte_vector{});
}

TEST_CASE("hex: non-hexadecimal text is rejected") {
  for (const char* bad : {"0", "000", "0g", "g0", " 00", "0 ", "-1", "0x", "\xff\xff"}) {
    CAPTURE(bad);
    const result<byte_vector> out = from_hex(bad);
    REQUIRE(!out);
    CHECK(out.error() == errc::invalid_encoding);
  }
}

TEST_CASE("cursor: reads fields in order") {
  const byte_vector in = bytes("01 02 00 03 04 05 06 07 ff");
  cursor fields(in);
  CHECK(fields.byte() == 1);
  CHECK(fields.number_le<std::uint16_t>() == 2);
  CHECK(fields.bytes<2>() == std::array<std::uint8_t, 2>{3, 4});
  CHECK(to_hex(fields.view(3)) == "050607");
  CHECK(fields.ok());
  CHECK(to_hex(fields.rest()) == "ff");
  CHECK(fields.byte() == 0xff);
  CHECK(fields.ok());
}

TEST_CASE("cursor: reading past the end fails permanently") {
  const byte_vector in = bytes("01 02 03");
  cursor fields(in);
  CHECK(fields.number_le<std::uint32_t>() == 0);
  CHECK_FALSE(fields.ok());
  CHECK(fields.byte() == 0);
  CHECK(fields.view(0).empty());
  CHECK(fields.rest().empty());
  CHECK_FALSE(fields.ok());
}

}  // namespace
}  // namespace rathole::test
