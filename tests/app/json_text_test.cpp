#include <rathole/text/json.hpp>
#include <rathole/text/utc.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>

namespace rathole::text {
namespace {

std::string quoted(std::string_view text, std::size_t most = 1000) {
  std::string out;
  append_json_string(out, text, most);
  return out;
}

TEST_CASE("json: text becomes a string whose characters are escaped where they must be") {
  CHECK(quoted("") == R"("")");
  CHECK(quoted("plain, \xc3\xa9 \xe2\x82\xac") == "\"plain, \xc3\xa9 \xe2\x82\xac\"");
  CHECK(quoted("a\"b\\c/d") == R"("a\"b\\c/d")");
  CHECK(quoted(std::string_view("\0\t\n\x1f\x7f", 5)) == "\"\\u0000\\u0009\\u000a\\u001f\x7f\"");
  CHECK(quoted("a\xff\xc3") == "\"a\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST_CASE("json: a long text is cut at a character") {
  CHECK(quoted("abcdefgh", 10) == R"("abcdefgh")");
  CHECK(quoted("abcdefghi", 10) == R"("abcde...")");
  CHECK(quoted("abcd\nfgh", 10) == R"("abcd...")");
  CHECK(quoted("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", 10) == "\"\xe2\x82\xac...\"");
  CHECK(quoted("abc", 5) == R"("abc")");
  CHECK(quoted("abcd", 5) == R"("...")");
  for (std::size_t most = 5; most < 40; ++most) {
    CHECK(quoted(std::string(100, '\n'), most).size() <= most);
    CHECK(quoted(std::string(100, 'x'), most).size() == most);
  }
}

TEST_CASE("utc: a time is written with milliseconds") {
  using namespace std::chrono;
  const system_clock::time_point at = sys_days(2024y / January / 31) + 12h + 250'999us;
  CHECK(utc(at) == "2024-01-31T12:00:00.250Z");
  CHECK(utc(sys_days(1969y / December / 31) + 23h + 59min + 59s + 1ms) ==
        "1969-12-31T23:59:59.001Z");
}

}  // namespace
}  // namespace rathole::text
