#include "../support/bytes.hpp"

#include <rathole/core/chunked_buffer.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <utility>

namespace rathole::test {
namespace {

constexpr std::size_t chunk = chunked_buffer::chunk_size;

TEST_CASE("chunked_buffer: a queue of bytes") {
  chunked_buffer buffer;
  CHECK(buffer.empty());
  CHECK(buffer.front().empty());
  buffer.append(bytes("01 02 03"));
  buffer.append(bytes("04"));
  CHECK(to_hex(buffer.front()) == "01020304");
  buffer.consume(3);
  CHECK(buffer.size() == 1);
  CHECK(to_hex(buffer.front()) == "04");
  buffer.consume(1);
  CHECK(buffer.empty());
}

TEST_CASE("chunked_buffer: an empty one owns no memory") {
  chunked_buffer buffer;
  CHECK(buffer.capacity() == 0);
  buffer.append(byte_vector(1));
  CHECK(buffer.capacity() == chunk);
  buffer.consume(1);
  CHECK(buffer.capacity() == 0);
  buffer.append(byte_vector(10 * chunk));
  buffer.clear();
  CHECK(buffer.capacity() == 0);
  CHECK(buffer.prepare().size() == chunk);
  buffer.commit(0);
  CHECK(buffer.capacity() == 0);
}

TEST_CASE("chunked_buffer: memory follows what it holds") {
  chunked_buffer buffer;
  for (int i = 0; i < 100; ++i) {
    buffer.append(byte_vector(10'000));
    CHECK(buffer.capacity() < buffer.size() + chunk);
  }
  while (!buffer.empty()) {
    buffer.consume(std::min<std::size_t>(buffer.size(), 777));
    CHECK(buffer.capacity() < buffer.size() + 2 * chunk);
  }
}

TEST_CASE("chunked_buffer: bytes of several chunks are gathered") {
  chunked_buffer buffer;
  buffer.append(byte_vector(chunk + 5, 1));
  buffer.consume(3);
  std::array<byte_view, 3> views;
  CHECK(buffer.gather(views) == 2);
  CHECK(views[0].size() == chunk - 3);
  CHECK(views[1].size() == 5);
  CHECK(buffer.gather(std::span(views).first(1)) == 1);
  buffer.consume(chunk);
  CHECK(buffer.gather(views) == 1);
  CHECK(views[0].size() == 2);
}

TEST_CASE("chunked_buffer: reading into the space at the back") {
  chunked_buffer buffer;
  buffer.append(byte_vector(chunk - 2, 7));
  const byte_span space = buffer.prepare();
  CHECK(space.size() == 2);
  space[0] = 9;
  buffer.commit(1);
  CHECK(buffer.size() == chunk - 1);
  CHECK(buffer.front().back() == 9);
}

TEST_CASE("chunked_buffer: moving takes the bytes") {
  chunked_buffer buffer;
  buffer.append(bytes("01 02"));
  chunked_buffer other(std::move(buffer));
  CHECK(other.size() == 2);
  buffer = chunked_buffer();
  buffer.append(bytes("03"));
  other = std::move(buffer);
  CHECK(to_hex(other.front()) == "03");
}

}  // namespace
}  // namespace rathole::test
