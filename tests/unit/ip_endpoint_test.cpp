#include <rathole/core/ip_endpoint.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <unordered_set>

namespace rathole::test {
namespace {

const ip_endpoint v4{{192, 0, 2, 10}, 50000, false};
const ip_endpoint v6{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 53124, true};

TEST_CASE("ip_endpoint: equality compares IP address, port and family") {
  const ip_endpoint same = v4;
  CHECK(same == v4);
  ip_endpoint other = v4;
  other.port = 50001;
  CHECK(other != v4);
  other = v4;
  other.is_v6 = true;
  CHECK(other != v4);
  other = v6;
  other.ip[15] = 2;
  CHECK(other != v6);
}

TEST_CASE("ip_endpoint: converts to an address") {
  CHECK(to_address(v4) == address{"192.0.2.10", 50000});
  CHECK(to_address(ip_endpoint{}) == address{"0.0.0.0", 0});
  CHECK(to_address({{255, 255, 255, 255}, 65535, false}) == address{"255.255.255.255", 65535});
  CHECK(to_address(v6) == address{"2001:db8::1", 53124});
  CHECK(to_address({{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 10}, 1, true}) ==
        address{"::ffff:c000:20a", 1});
  CHECK(to_address({{}, 7, true}) == address{"::", 7});
}

TEST_CASE("ip_endpoint: writes IPv6 addresses as RFC 5952 recommends") {
  const char* const texts[] = {"::",
                               "::1",
                               "1::",
                               "2001:db8::1",
                               "2001:db8:0:1:1:1:1:1",
                               "2001:0:0:1::1",
                               "2001:db8::1:0:0:1",
                               "1:2:3:4:5:6:7:0",
                               "0:2:3:4:5:6:7:8",
                               "1:2:3:4:5:6::",
                               "::3:4:5:6:7:8",
                               "1:2:3:4:5:6:7:8",
                               "fe80::abcd:ef01"};
  for (const std::string text : texts) {
    const auto parsed = to_ip_endpoint({text, 1});
    REQUIRE(parsed);
    CHECK(to_address(*parsed) == address{text, 1});
  }
}

TEST_CASE("ip_endpoint: converts from an address") {
  CHECK(to_ip_endpoint({"192.0.2.10", 50000}) == v4);
  CHECK(to_ip_endpoint({"2001:db8::1", 53124}) == v6);
  CHECK(to_ip_endpoint({"2001:db8::1%eth0", 53124}) == v6);
  CHECK(to_ip_endpoint({"::ffff:192.0.2.10", 50000}) == v4);
  CHECK_FALSE(to_ip_endpoint({"localhost", 80}));
  CHECK_FALSE(to_ip_endpoint({"", 80}));
}

TEST_CASE("ip_endpoint: the hash is SipHash-1-3 of three words") {
  // From an independent implementation that passes the vectors of the algorithm's authors.
  CHECK(ip_endpoint_hash{}(ip_endpoint()) == 0xf9003207cf9e4d4cU);
  const ip_endpoint_hash keyed{0x0123456789abcdefU};
  CHECK(keyed(v4) == 0x38cb336301d50d4dU);
  CHECK(keyed(v6) == 0xf467c78e8390bd04U);
}

TEST_CASE("ip_endpoint: similar endpoints do not collide, whatever the seed") {
  // Ports and addresses that differ by as much in opposite directions.
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    std::unordered_set<std::size_t> seen;
    for (std::uint8_t byte = 0; byte < 32; ++byte) {
      for (std::uint16_t port = 0; port < 16; ++port) {
        seen.insert(ip_endpoint_hash{seed << 8}({{byte, 2, 3, 4}, port, false}));
      }
    }
    CHECK(seen.size() == 32 * 16);
  }
}

}  // namespace
}  // namespace rathole::test
