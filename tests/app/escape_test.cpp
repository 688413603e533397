#include <rathole/text/escape.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace rathole::text {
namespace {

using namespace std::string_view_literals;

TEST_CASE("escape: printable characters stay, all others are escaped") {
  struct example {
    std::string_view text;
    std::string_view shown;
  };
  const example examples[] = {
      {"", ""},
      {"web-1.example:80", "web-1.example:80"},
      {"my svc", "my svc"},
      {"café \u96ea \U0001f600", "café \u96ea \U0001f600"},
      {"a\\b", "a\\\\b"},
      {"a\nb\r\tc", "a\\nb\\r\\tc"},
      {"\x1b[31m", "\\x1b[31m"},
      {"\0"sv, "\\x00"},
      {"\x7f", "\\x7f"},
      {"\xc2\x9b", "\\xc2\\x9b"},                    // U+009B, which starts control sequences
      {"\xe2\x80\xae", "\\xe2\\x80\\xae"},           // U+202E turns the direction of the text
      {"\xc0\x8a", "\\xc0\\x8a"},                    // an overlong line feed
      {"\xed\xa0\x80", "\\xed\\xa0\\x80"},           // a surrogate
      {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},  // beyond the last character
      {"\xff", "\\xff"},
      {"\x80", "\\x80"},
      {"ab\xe2\x82", "ab\\xe2\\x82"},  // cut short
      {"\xe2(\xa1", "\\xe2(\\xa1"},
  };
  for (const auto& [text, shown] : examples) {
    CAPTURE(shown);
    CHECK(escape(text) == shown);
  }
}

TEST_CASE("escape: long texts are truncated at a character boundary") {
  CHECK(escape("abcdef", 6) == "abcdef");
  CHECK(escape("abcdefg", 6) == "abcdef...");
  CHECK(escape("abcde\n", 6) == "abcde...");
  CHECK(escape("abcd\nf", 6) == "abcd\\n...");
  CHECK(escape("abcde\u96ea", 6) == "abcde...");
  CHECK(escape(std::string(10'000, 'x')).size() == max_shown_text + 3);
  CHECK(escape(std::string(10'000, '\x1b')).size() <= max_shown_text + 3);
}

TEST_CASE("printable: a whole line keeps its backslashes and loses its control characters") {
  CHECK(printable("f.toml:1:2: server.\"a\\\\b\": no") == "f.toml:1:2: server.\"a\\\\b\": no");
  CHECK(printable("a\x1b]0;x\x07") == "a\\x1b]0;x\\x07");
  CHECK(printable(std::string(10'000, 'x')).size() == 10'000);
}

}  // namespace
}  // namespace rathole::text
