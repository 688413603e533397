#include <rathole/core/hex.hpp>
#include <rathole/core/ip_literal.hpp>

#include <doctest/doctest.h>

#include <string>

namespace rathole::test {
namespace {

TEST_CASE("ip_literal: IPv4") {
  const auto hex = [](std::string_view text) {
    const auto bytes = parse_ipv4(text);
    return bytes ? to_hex(*bytes) : "";
  };
  CHECK(hex("127.0.0.1") == "7f000001");
  CHECK(hex("0.0.0.0") == "00000000");
  CHECK(hex("255.255.255.255") == "ffffffff");
  for (const char* bad :
       {"",         "1",         "1.2.3",    "1.2.3.4.", "1.2.3.4.5",   ".1.2.3.4",  "1..2.3",
        "1.2.3.",   "256.0.0.1", "01.2.3.4", "1.2.3.00", "0x1.2.3.4",   "1.2.3.4 ",  " 1.2.3.4",
        "-1.2.3.4", "+1.2.3.4",  "1,2,3,4",  "::1",      "example.com", "1.2.3.0004"}) {
    CAPTURE(bad);
    CHECK(hex(bad).empty());
  }
}

TEST_CASE("ip_literal: IPv6") {
  const auto hex = [](std::string_view text) {
    const auto bytes = parse_ipv6(text);
    return bytes ? to_hex(*bytes) : "";
  };
  CHECK(hex("::") == "00000000000000000000000000000000");
  CHECK(hex("::1") == "00000000000000000000000000000001");
  CHECK(hex("1::") == "00010000000000000000000000000000");
  CHECK(hex("2001:DB8::8:800:200C:417A") == "20010db80000000000080800200c417a");
  CHECK(hex("1:2:3:4:5:6:7:8") == "00010002000300040005000600070008");
  CHECK(hex("1:2:3:4:5:6:7::") == "00010002000300040005000600070000");
  CHECK(hex("::2:3:4:5:6:7:8") == "00000002000300040005000600070008");
  CHECK(hex("::ffff:192.0.2.7") == "00000000000000000000ffffc0000207");
  CHECK(hex("1:2:3:4:5:6:1.2.3.4") == "00010002000300040005000601020304");
  for (const char* bad : {"",
                          ":",
                          ":::",
                          "1",
                          "1:",
                          ":1",
                          "1:2:3:4:5:6:7",
                          "1:2:3:4:5:6:7:8:9",
                          "1:2:3:4:5:6:7:8::",
                          "::1::",
                          "1::2::3",
                          "12345::",
                          "g::",
                          "::1%lo",
                          "[::1]",
                          "1.2.3.4",
                          "1.2.3.4::",
                          "::1.2.3.4:5",
                          "1:2:3:4:5:6:7:1.2.3.4",
                          "::1.2.3",
                          "::01.2.3.4",
                          "1:::2",
                          " ::1"}) {
    CAPTURE(bad);
    CHECK(hex(bad).empty());
  }
}

}  // namespace
}  // namespace rathole::test
