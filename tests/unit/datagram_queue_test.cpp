#include <rathole/embed/datagram_queue.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

using namespace rathole;
using embed::datagram_overhead, embed::datagram_queue, embed::max_datagram_size;

namespace {

ip_endpoint from_port(std::uint16_t port) {
  ip_endpoint out;
  out.port = port;
  return out;
}

std::vector<std::uint8_t> filled(std::size_t size, std::uint8_t with) {
  return std::vector<std::uint8_t>(size, with);
}

}  // namespace

TEST_CASE("datagram_queue: datagrams leave in order, with their senders, and empty ones count") {
  datagram_queue queue(0);
  CHECK(queue.empty());
  for (std::uint8_t i = 0; i < 10; ++i) {
    CHECK(queue.push(from_port(i), filled(i % 3U * 100U, i)));
  }
  for (std::uint8_t i = 0; i < 10; ++i) {
    REQUIRE_FALSE(queue.empty());
    CHECK(queue.sender() == from_port(i));
    const byte_view payload = queue.payload();
    CHECK(std::vector<std::uint8_t>(payload.begin(), payload.end()) == filled(i % 3U * 100U, i));
    queue.pop();
  }
  CHECK(queue.empty());
}

TEST_CASE(
    "datagram_queue: the limit bounds payloads and empty datagrams, and fits the longest one") {
  datagram_queue queue(0);
  CHECK(queue.push(from_port(1), filled(max_datagram_size, 1)));
  CHECK_FALSE(queue.push(from_port(2), {}));
  queue.pop();
  std::size_t taken = 0;
  while (queue.push(from_port(3), {})) ++taken;
  CHECK(taken == (max_datagram_size + datagram_overhead) / datagram_overhead);
  queue.pop();
  CHECK(queue.push(from_port(4), {}));
  CHECK_FALSE(queue.push(from_port(4), {}));
  queue.clear();
  CHECK(queue.empty());

  datagram_queue larger(200'000);
  for (taken = 0; larger.push(from_port(5), filled(10'000, 5)); ++taken) {
  }
  CHECK(taken == 200'000 / (10'000 + datagram_overhead));
  // Memory is freed and used again.
  for (; taken > 0; --taken) larger.pop();
  CHECK(larger.empty());
  CHECK(larger.push(from_port(6), filled(10, 6)));
  CHECK(larger.payload().size() == 10);
}
