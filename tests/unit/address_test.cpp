#include <rathole/config/validate.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>

#include <doctest/doctest.h>

#include <ostream>
#include <string>
#include <string_view>

namespace rathole::test {
namespace {

TEST_CASE("an address is a host and a port") {
  struct row {
    std::string_view text;
    std::string host;
    std::uint16_t port;
    std::string_view printed;
  };
  const row rows[] = {
      {"127.0.0.1:80", "127.0.0.1", 80, "127.0.0.1:80"},
      {"example.com:2333", "example.com", 2333, "example.com:2333"},
      {"[::1]:0", "::1", 0, "[::1]:0"},
      {"[fe80::1%eth0]:65535", "fe80::1%eth0", 65535, "[fe80::1%eth0]:65535"},
      {":::2333", "::", 2333, "[::]:2333"},
      {"::1:2333", "::1", 2333, "[::1]:2333"},
      {"fe80::77%eth0:2333", "fe80::77%eth0", 2333, "[fe80::77%eth0]:2333"},
      {"fe80::77%br-0:lan:2333", "fe80::77%br-0:lan", 2333, "[fe80::77%br-0:lan]:2333"},
      {"2001:db8:1:2:3:4:5:6:80", "2001:db8:1:2:3:4:5:6", 80, "[2001:db8:1:2:3:4:5:6]:80"},
      {"::ffff:192.0.2.1:80", "::ffff:192.0.2.1", 80, "[::ffff:192.0.2.1]:80"},
      {"_srv.host-1.example:80", "_srv.host-1.example", 80, "_srv.host-1.example:80"},
      {"h:00080", "h", 80, "h:80"},
      {"b\xc3\xbc"
       "cher.example:1",
       "b\xc3\xbc"
       "cher.example",
       1,
       "b\xc3\xbc"
       "cher.example:1"},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    const auto value = parse_address(each.text);
    REQUIRE(value);
    CHECK(value->host == each.host);
    CHECK(value->port == each.port);
    CHECK(to_string(*value) == each.printed);
  }
}

TEST_CASE("an address is a Unix-domain socket by its path or abstract name") {
  const auto path = parse_address("unix:/run/my web:80.sock");
  REQUIRE(path);
  CHECK(path->is_unix());
  CHECK(path->has_socket_file());
  CHECK(path->unix_path() == "/run/my web:80.sock");
  CHECK(path->port == 0);
  CHECK(to_string(*path) == "unix:/run/my web:80.sock");
  const auto name = parse_address("unix:@web");
  REQUIRE(name);
  CHECK(name->is_unix());
  CHECK_FALSE(name->has_socket_file());
  CHECK(name->unix_path() == "@web");
  CHECK(parse_address("unix:" + std::string(max_unix_path, 'x')));
  for (const std::string& text :
       {std::string("unix:"), std::string("unix:@"), "unix:" + std::string(max_unix_path + 1, 'x'),
        std::string("unix:/a\0b", 9)}) {
    CHECK(parse_address(text).error() == errc::invalid_address);
  }
}

TEST_CASE("a host named unix has a port") {
  const auto host = parse_address("unix:80");
  REQUIRE(host);
  CHECK_FALSE(host->is_unix());
  CHECK(host->host == "unix");
  CHECK(host->port == 80);
  CHECK_FALSE(parse_address("unix:65536"));
}

TEST_CASE("an address converts from a string of any kind") {
  const address expected("example.com", 80);
  const std::string text = "example.com:80";
  CHECK(address("example.com:80") == expected);
  CHECK(address(text) == expected);
  CHECK(address(std::string_view(text)) == expected);
  CHECK(address_list(text) == address_list(expected));
  CHECK(address_list(std::string_view(text)) == address_list(expected));
  CHECK(address(std::string("example.com")) == address());
}

TEST_CASE("invalid addresses are rejected") {
  for (const std::string_view text : {"",
                                      ":",
                                      "host",
                                      "host:",
                                      ":80",
                                      "host:65536",
                                      "host:-1",
                                      "host:+1",
                                      "host:8o",
                                      "host: 80",
                                      "host:80 ",
                                      " host:80",
                                      "ho st:80",
                                      "ho\tst:80",
                                      "ho\x7fst:80",
                                      "::1",
                                      "::",
                                      "2001:db8::",
                                      "2001:db8:1:2:3:4:5:6",
                                      ":::::80",
                                      "::1%:80",
                                      "::1%a b:80",
                                      "::1%a%b:80",
                                      "host%eth0:80",
                                      "127.0.0.1%lo:80",
                                      "[127.0.0.1]:80",
                                      "[::g]:80",
                                      "a:b:80",
                                      "*:80",
                                      "*.example.com:80",
                                      "${HOST}:80",
                                      "user@host:80",
                                      "10.0.0.0/8:80",
                                      "[]:80",
                                      "[::1]",
                                      "[::1]80",
                                      "[::1:80",
                                      "::1]:80",
                                      "[host]:80",
                                      "[[::1]]:80",
                                      "host:0x50",
                                      "http://host:80",
                                      "host:99999999999999999999"}) {
    CAPTURE(text);
    const auto value = parse_address(text);
    REQUIRE_FALSE(value);
    CHECK(value.error() == errc::invalid_address);
  }
}

TEST_CASE("a host name has at most 253 bytes, with its zone an IPv6 address too") {
  const std::string longest(max_host_name, 'a');
  CHECK(parse_address(longest + ":80").value().host == longest);
  CHECK(parse_address(longest + ".:80").value().host == longest + '.');
  CHECK_FALSE(parse_address(longest + "a:80"));
  CHECK_FALSE(parse_address(longest + "a.:80"));
  CHECK_FALSE(parse_address(std::string(60'000, 'a') + ":80"));
  const std::string zoned = "fe80::1%" + std::string(max_host_name - 8, 'z');
  CHECK(parse_address(zoned + ":80").value().host == zoned);
  CHECK(parse_address('[' + zoned + "]:80").value().host == zoned);
  CHECK_FALSE(parse_address('[' + zoned + "z]:80"));
}

TEST_CASE("listeners conflict if the system would refuse the second one") {
  struct row {
    address a;
    address b;
    bool overlaps;
  };
  const row rows[] = {
      {{"127.0.0.1", 80}, {"127.0.0.1", 80}, true}, {{"127.0.0.1", 80}, {"127.0.0.1", 81}, false},
      {{"127.0.0.1", 0}, {"127.0.0.1", 0}, false},  {{"127.0.0.1", 80}, {"127.0.0.2", 80}, false},
      {{"0.0.0.0", 80}, {"127.0.0.2", 80}, true},   {{"0.0.0.0", 80}, {"localhost", 80}, false},
      {{"0.0.0.0", 80}, {"::1", 80}, false},        {{"::", 80}, {"::1", 80}, true},
      {{"::", 80}, {"0.0.0.0", 80}, false},         {{"localhost", 80}, {"localhost", 80}, true},
  };
  for (const row& each : rows) {
    CAPTURE(to_string(each.a));
    CAPTURE(to_string(each.b));
    CHECK(config::overlap(each.a, each.b) == each.overlaps);
    CHECK(config::overlap(each.b, each.a) == each.overlaps);
  }
}

}  // namespace
}  // namespace rathole::test
