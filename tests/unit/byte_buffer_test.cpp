#include "../support/bytes.hpp"

#include <rathole/core/byte_buffer.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>

namespace rathole::test {
namespace {

TEST_CASE("byte_buffer: a queue of bytes") {
  byte_buffer buffer;
  CHECK(buffer.empty());

  buffer.append(bytes("01 02 03"));
  buffer.append(bytes("04"));
  CHECK(to_hex(buffer.data()) == "01020304");

  buffer.consume(3);
  CHECK(buffer.size() == 1);
  buffer.append(bytes("05"));
  CHECK(to_hex(buffer.data()) == "0405");

  buffer.consume(2);
  CHECK(buffer.empty());
  buffer.append(bytes("06"));
  buffer.clear();
  CHECK(buffer.empty());
}

TEST_CASE("byte_buffer: append_up_to fills to the limit and returns how much it took") {
  byte_buffer buffer;
  CHECK(buffer.append_up_to(4, bytes("01 02 03")) == 3);
  CHECK(buffer.append_up_to(4, bytes("04 05")) == 1);
  CHECK(buffer.append_up_to(4, bytes("06")) == 0);
  CHECK(buffer.append_up_to(2, bytes("06")) == 0);
  CHECK(to_hex(buffer.data()) == "01020304");
}

TEST_CASE("byte_buffer: drain_into appends everything") {
  byte_buffer from;
  byte_buffer to;
  CHECK_FALSE(from.drain_into(to));
  from.append(bytes("02 03"));
  to.append(bytes("01"));
  CHECK(from.drain_into(to));
  CHECK(from.empty());
  CHECK(to_hex(to.data()) == "010203");
}

TEST_CASE("byte_buffer: memory does not grow with the number of bytes that passed through") {
  byte_buffer buffer;
  const byte_vector chunk(100);
  buffer.append(chunk);
  std::uintptr_t lowest = UINTPTR_MAX;
  std::uintptr_t highest = 0;
  for (int i = 0; i < 10'000; ++i) {
    buffer.append(chunk);
    buffer.consume(100);
    const auto at = reinterpret_cast<std::uintptr_t>(buffer.data().data());
    // The memory may move while it grows to its final size.
    if (i < 100) continue;
    lowest = std::min(lowest, at);
    highest = std::max(highest, at);
  }
  CHECK(highest - lowest < 1'000);
}

}  // namespace
}  // namespace rathole::test
