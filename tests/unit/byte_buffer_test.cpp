#include "../support/octets.hpp"

#include <rathole/core/byte_buffer.hpp>

#include <doctest/doctest.h>

namespace rathole::test {
namespace {

TEST_CASE("byte_buffer: a queue of octets") {
  byte_buffer buffer;
  CHECK(buffer.empty());

  buffer.append(octets("01 02 03"));
  buffer.append(octets("04"));
  CHECK(to_hex(buffer.data()) == "01020304");

  buffer.consume(3);
  CHECK(buffer.size() == 1);
  buffer.append(octets("05"));
  CHECK(to_hex(buffer.data()) == "0405");

  buffer.consume(2);
  CHECK(buffer.empty());
  buffer.append(octets("06"));
  buffer.clear();
  CHECK(buffer.empty());
}

TEST_CASE("byte_buffer: append_up_to fills to the limit and says how much it took") {
  byte_buffer buffer;
  CHECK(buffer.append_up_to(4, octets("01 02 03")) == 3);
  CHECK(buffer.append_up_to(4, octets("04 05")) == 1);
  CHECK(buffer.append_up_to(4, octets("06")) == 0);
  CHECK(buffer.append_up_to(2, octets("06")) == 0);
  CHECK(to_hex(buffer.data()) == "01020304");
}

TEST_CASE("byte_buffer: drain_into moves everything behind what is there") {
  byte_buffer from;
  byte_buffer to;
  CHECK_FALSE(from.drain_into(to));
  from.append(octets("02 03"));
  to.append(octets("01"));
  CHECK(from.drain_into(to));
  CHECK(from.empty());
  CHECK(to_hex(to.data()) == "010203");
}

TEST_CASE("byte_buffer: a queue that is used for long does not keep what was consumed") {
  byte_buffer buffer;
  const octet_vector chunk(100);
  buffer.append(chunk);
  const std::uint8_t* const first = buffer.data().data();
  for (int i = 0; i < 10'000; ++i) {
    buffer.append(chunk);
    buffer.consume(100);
  }
  CHECK(buffer.size() == 100);
  // Had the consumed part been kept, a million octets would have moved the memory many times.
  buffer.clear();
  buffer.append(chunk);
  const std::uint8_t* const settled = buffer.data().data();
  for (int i = 0; i < 10'000; ++i) {
    buffer.append(chunk);
    buffer.consume(100);
  }
  buffer.clear();
  buffer.append(chunk);
  CHECK(buffer.data().data() == settled);
  CHECK(first != nullptr);
}

}  // namespace
}  // namespace rathole::test
