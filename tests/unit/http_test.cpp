#include "../support/bytes.hpp"

#include <rathole/http/head_reader.hpp>
#include <rathole/http/head_writer.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::test {
namespace {

using http::head_reader;

/// Returns the error of reading `in`, if any.
std::error_code error_of(std::string_view in) {
  head_reader reader;
  const auto taken = reader.feed(text(in));
  return taken ? std::error_code() : taken.error();
}

TEST_CASE("http: reads a head and nothing after it") {
  head_reader reader;
  const std::string_view in =
      "GET /a HTTP/1.1\r\nHost: b\r\nX-Empty:\r\nx-Blanks: \t a b\t \r\n\r\nbody";
  const auto taken = reader.feed(text(in));
  REQUIRE(taken);
  CHECK(*taken == in.size() - 4);
  CHECK(reader.done());
  CHECK(reader.wanted() == 0);
  CHECK(reader.head() ==
        http::head{.start_line = "GET /a HTTP/1.1",
                   .fields = {{"Host", "b"}, {"X-Empty", ""}, {"x-Blanks", "a b"}}});
  CHECK(reader.feed(text("more")) == 0u);
}

TEST_CASE("http: never wants more bytes than the head has") {
  const std::string_view whole = "HTTP/1.1 200 OK\r\nA: b\r\nC:d\r\n\r\n";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    head_reader reader;
    REQUIRE(reader.feed(text(whole.substr(0, size))));
    CHECK_FALSE(reader.done());
    CHECK(reader.wanted() > 0);
    CHECK(reader.wanted() <= whole.size() - size);
  }
}

TEST_CASE("http: malformed heads are rejected") {
  for (const std::string_view bad :
       {std::string_view("\r\n"), std::string_view("\n"), std::string_view("GET / HTTP/1.1\n"),
        std::string_view("GET\r / HTTP/1.1\r\n"), std::string_view("GET /\0", 6),
        std::string_view("GET /\x7f"), std::string_view("GET /\x01"),
        std::string_view("a\r\n b: c\r\n"), std::string_view("a\r\nb: c\r\n d\r\n"),
        std::string_view("a\r\nb : c\r\n"), std::string_view("a\r\nb\r\n"),
        std::string_view("a\r\n: c\r\n"), std::string_view("a\r\nb(: c\r\n"),
        std::string_view("a\r\nb: \x02"), std::string_view("a\r\n\rx"),
        std::string_view("a\r\nb: c\rd")}) {
    CAPTURE(bad);
    CHECK(error_of(bad) == errc::malformed_http);
    // The error is permanent.
    head_reader reader;
    static_cast<void>(reader.feed(text(bad)));
    CHECK(reader.feed(text("a")).error() == errc::malformed_http);
    CHECK(reader.wanted() == 0);
  }
  CHECK_FALSE(error_of("a\r\nb: \x80\xff\tc\r\n\r\n"));
}

TEST_CASE("http: the size and the fields of a head are bounded") {
  const std::string longest(head_reader::max_line, 'a');
  CHECK_FALSE(error_of(longest + "\r\n"));
  CHECK(error_of(longest + "a") == errc::message_too_long);
  CHECK(error_of("a\r\n" + longest + "a") == errc::message_too_long);

  std::string many = "a\r\n";
  for (std::size_t i = 0; i < head_reader::max_fields; ++i) many += "b: c\r\n";
  CHECK_FALSE(error_of(many + "\r\n"));
  CHECK(error_of(many + "b: c\r\n") == errc::message_too_long);

  std::string large = "a\r\n";
  const std::string field = "b:" + std::string(1000, 'c') + "\r\n";
  while (large.size() + field.size() + 2 <= head_reader::max_head) large += field;
  CHECK_FALSE(error_of(large + "\r\n"));
  const std::string rest(head_reader::max_head - large.size(), 'd');
  CHECK_FALSE(error_of(large + rest));
  CHECK(error_of(large + rest + "d") == errc::message_too_long);
}

TEST_CASE("http: request lines") {
  const auto line = http::parse_request_line("GET /a?b#c HTTP/1.0");
  REQUIRE(line);
  CHECK(line->method == "GET");
  CHECK(line->target == "/a?b#c");
  CHECK(line->minor == 0);
  for (const char* bad :
       {"", "GET", "GET /", "GET / ", "GET  / HTTP/1.1", " / HTTP/1.1", "GET / HTTP/2.0",
        "GET / HTTP/1.x", "GET / HTTP/1.10", "GET / http/1.1", "G(T / HTTP/1.1", "GET /\t HTTP/1.1",
        "GET  HTTP/1.1", "GET / a HTTP/1.1"}) {
    CAPTURE(bad);
    CHECK_FALSE(http::parse_request_line(bad));
  }
}

TEST_CASE("http: status lines") {
  const auto status = [](std::string_view in) {
    const auto line = http::parse_status_line(in);
    return line ? line->status : -1;
  };
  CHECK(status("HTTP/1.1 101 Switching Protocols") == 101);
  CHECK(status("HTTP/1.0 599 ") == 599);
  CHECK(status("HTTP/1.1 200") == 200);
  for (const char* bad : {"", "HTTP/1.1", "HTTP/1.1 20", "HTTP/1.1 2000", "HTTP/1.1 200OK",
                          "HTTP/1.1  200", "HTTP/2.0 200", "HTTP/1.1 099", "HTTP/1.1 600",
                          "HTTP/1.1 -10", "HTTP/1.1 2x0", "HTTP/1.1\t200", "ICY 200 OK xx"}) {
    CAPTURE(bad);
    CHECK(status(bad) == -1);
  }
}

TEST_CASE("http: fields are found in any case, and must be unique") {
  const http::head head{.fields = {{"Host", "a"},
                                   {"connection", "keep-alive , Upgrade"},
                                   {"Twice", "x"},
                                   {"tWICE", "y,,z"}}};
  REQUIRE(head.only("HOST") != nullptr);
  CHECK(*head.only("HOST") == "a");
  CHECK(head.only("Twice") == nullptr);
  CHECK(head.only("absent") == nullptr);
  CHECK(head.has("twice"));
  CHECK_FALSE(head.has("absent"));
  CHECK(head.lists("Connection", "upgrade"));
  CHECK(head.lists("Connection", "KEEP-ALIVE"));
  CHECK_FALSE(head.lists("Connection", "keep"));
  CHECK(head.lists("Twice", "x"));
  CHECK(head.lists("Twice", "z"));
  CHECK_FALSE(head.lists("absent", "x"));
}

TEST_CASE("http: heads are written as given") {
  byte_buffer out;
  http::head_writer::request(out, "GET", "/").field("A", "b").finish();
  http::head_writer::response(out, 404).finish();
  http::head_writer::response(out, 599).finish();
  CHECK(to_hex(out.data()) == to_hex(text("GET / HTTP/1.1\r\nA: b\r\n\r\n"
                                          "HTTP/1.1 404 Not Found\r\n\r\n"
                                          "HTTP/1.1 599 \r\n\r\n")));
  CHECK(http::status_text(502) == "HTTP 502 Bad Gateway");
  CHECK(http::status_text(599) == "HTTP 599");
}

}  // namespace
}  // namespace rathole::test
