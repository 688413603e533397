#include <rathole/core/ip_network.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace rathole::test {
namespace {

bool contains(const std::string& network, const std::string& host) {
  const auto parsed = parse_ip_network(network);
  REQUIRE(parsed);
  return rathole::contains(std::vector{*parsed}, address{host, 1});
}

TEST_CASE("ip_network: has the addresses that begin with its bits") {
  CHECK(contains("10.0.0.0/8", "10.255.0.1"));
  CHECK_FALSE(contains("10.0.0.0/8", "11.0.0.1"));
  CHECK(contains("192.0.2.128/25", "192.0.2.128"));
  CHECK(contains("192.0.2.128/25", "192.0.2.255"));
  CHECK_FALSE(contains("192.0.2.128/25", "192.0.2.127"));
  CHECK(contains("192.0.2.4/30", "192.0.2.7"));
  CHECK_FALSE(contains("192.0.2.4/30", "192.0.2.8"));
  CHECK(contains("0.0.0.0/0", "203.0.113.9"));
  CHECK_FALSE(contains("0.0.0.0/0", "::1"));
  CHECK(contains("::/0", "2001:db8::1"));
  CHECK_FALSE(contains("::/0", "192.0.2.1"));
  CHECK(contains("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
  CHECK(contains("fe80::/10", "fe80::1%eth0"));
  CHECK(contains("::1", "::1"));
  CHECK_FALSE(contains("::1", "::2"));
  CHECK(contains("127.0.0.1", "127.0.0.1"));
  CHECK_FALSE(contains("127.0.0.1", "localhost"));
}

TEST_CASE("ip_network: IPv4 addresses in their form for IPv6 are IPv4 addresses") {
  CHECK(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
  CHECK(contains("::ffff:10.0.0.0/104", "10.1.2.3"));
  CHECK(contains("::ffff:0:0/96", "10.1.2.3"));
  CHECK_FALSE(parse_ip_network("::ffff:0:0/95"));
}

TEST_CASE("ip_network: the peers of Unix-domain sockets have no IP addresses") {
  CHECK(contains("unix:", "unix:"));
  CHECK_FALSE(contains("unix:", "0.0.0.0"));
  CHECK_FALSE(contains("unix:", "::"));
  CHECK_FALSE(contains("0.0.0.0/0", "unix:"));
  CHECK_FALSE(contains("::/0", "unix:"));
  CHECK(to_string(parse_ip_network("unix:").value()) == "unix:");
  CHECK_FALSE(parse_ip_network("unix:/run/web.sock"));
}

TEST_CASE("ip_network: is written in CIDR notation") {
  const auto text = [](const std::string& of) { return to_string(parse_ip_network(of).value()); };
  CHECK(text("10.0.0.0/8") == "10.0.0.0/8");
  CHECK(text("10.1.2.3/8") == "10.0.0.0/8");
  CHECK(text("10.1.2.3") == "10.1.2.3/32");
  CHECK(text("2001:DB8::/32") == "2001:db8::/32");
  CHECK(text("2001:db8::ffff/127") == "2001:db8::fffe/127");
  CHECK(text("::1") == "::1/128");
  CHECK(text("0.0.0.0/0") == "0.0.0.0/0");
}

TEST_CASE("ip_network: anything else is refused") {
  for (const char* text :
       {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/8/8",
        "10.0.0/8", "10.0.0.0 /8", "10.0.0.0/ 8", "::/129", "::1%eth0", "localhost", "localhost/8",
        "[::1]/128", "10.0.0.0/255.0.0.0", "*", "10.0.0.0/8 "}) {
    CAPTURE(text);
    CHECK_FALSE(parse_ip_network(text));
  }
}

}  // namespace
}  // namespace rathole::test
