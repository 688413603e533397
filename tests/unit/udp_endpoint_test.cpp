#include <rathole/core/udp_endpoint.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <unordered_set>

namespace rathole::test {
namespace {

const udp_endpoint v4{{192, 0, 2, 10}, 50000, false};
const udp_endpoint v6{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 53124, true};

TEST_CASE("udp_endpoint: equality compares IP address, port and family") {
  const udp_endpoint same = v4;
  CHECK(same == v4);
  udp_endpoint other = v4;
  other.port = 50001;
  CHECK(other != v4);
  other = v4;
  other.is_v6 = true;
  CHECK(other != v4);
  other = v6;
  other.ip[15] = 2;
  CHECK(other != v6);
}

TEST_CASE("udp_endpoint: converts to an address") {
  CHECK(to_address(v4) == address{"192.0.2.10", 50000});
  CHECK(to_address(udp_endpoint{}) == address{"0.0.0.0", 0});
  CHECK(to_address({{255, 255, 255, 255}, 65535, false}) == address{"255.255.255.255", 65535});
  CHECK(to_address(v6) == address{"2001:db8:0:0:0:0:0:1", 53124});
  CHECK(to_address({{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 10}, 1, true}) ==
        address{"0:0:0:0:0:ffff:c000:20a", 1});
  CHECK(to_address({{}, 7, true}) == address{"0:0:0:0:0:0:0:0", 7});
}

TEST_CASE("udp_endpoint: converts from an address") {
  CHECK(to_udp_endpoint({"192.0.2.10", 50000}) == v4);
  CHECK(to_udp_endpoint({"2001:db8::1", 53124}) == v6);
  CHECK(to_udp_endpoint({"2001:db8::1%eth0", 53124}) == v6);
  CHECK(to_udp_endpoint({"::ffff:192.0.2.10", 50000}) == v4);
  CHECK_FALSE(to_udp_endpoint({"localhost", 80}));
  CHECK_FALSE(to_udp_endpoint({"", 80}));
}

TEST_CASE("udp_endpoint: the hash is SipHash-1-3 of three words") {
  // From an independent implementation that passes the vectors of the algorithm's authors.
  CHECK(udp_endpoint_hash{}(udp_endpoint()) == 0xf9003207cf9e4d4cU);
  const udp_endpoint_hash keyed{0x0123456789abcdefU};
  CHECK(keyed(v4) == 0x38cb336301d50d4dU);
  CHECK(keyed(v6) == 0xf467c78e8390bd04U);
}

TEST_CASE("udp_endpoint: similar endpoints do not collide, whatever the seed") {
  // Ports and addresses that differ by as much in opposite directions.
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    std::unordered_set<std::size_t> seen;
    for (std::uint8_t byte = 0; byte < 32; ++byte) {
      for (std::uint16_t port = 0; port < 16; ++port) {
        seen.insert(udp_endpoint_hash{seed << 8}({{byte, 2, 3, 4}, port, false}));
      }
    }
    CHECK(seen.size() == 32 * 16);
  }
}

}  // namespace
}  // namespace rathole::test
