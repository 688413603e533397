#include <rathole/core/base64.hpp>

#include <doctest/doctest.h>

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::test {
namespace {

std::vector<std::uint8_t> bytes(std::string_view text) { return {text.begin(), text.end()}; }

TEST_CASE("base64 of RFC 4648 section 10, with and without padding") {
  struct row {
    std::string_view plain;
    std::string padded;
    std::string_view bare;
  };
  const row rows[] = {
      {"", "", ""},
      {"f", "Zg==", "Zg"},
      {"fo", "Zm8=", "Zm8"},
      {"foo", "Zm9v", "Zm9v"},
      {"foob", "Zm9vYg==", "Zm9vYg"},
      {"fooba", "Zm9vYmE=", "Zm9vYmE"},
      {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
      {"\xfb\xff\xbf", "+/+/", "+/+/"},
  };
  for (const row& each : rows) {
    CAPTURE(each.padded);
    CHECK(to_base64(bytes(each.plain)) == each.padded);
    const auto padded = from_base64(each.padded);
    REQUIRE(padded);
    CHECK(*padded == bytes(each.plain));
    const auto bare = from_base64(each.bare);
    REQUIRE(bare);
    CHECK(*bare == bytes(each.plain));
  }
}

TEST_CASE("invalid base64 is rejected") {
  for (const std::string_view text :
       {"A",    "Zg=",      "Zm8==", "=",     "==",     "===",     "====",
        "A===", "Zg==Zg==", "Zg= =", "Zm 9v", "Zm9v\n", "Zm9_",    "Zm9-",
        "Zh==", "Zh",       "Zm9",   "Zm9=",  "Zm9v=",  "Zm9v===="}) {
    CAPTURE(text);
    const auto value = from_base64(text);
    REQUIRE_FALSE(value);
    CHECK(value.error() == errc::invalid_encoding);
  }
}

}  // namespace
}  // namespace rathole::test
