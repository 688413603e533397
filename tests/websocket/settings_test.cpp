#include <rathole/websocket/accept_key.hpp>
#include <rathole/websocket/settings.hpp>

#include <doctest/doctest.h>

#include <string>

namespace rathole::test {
namespace {

TEST_CASE("websocket: the accept key of RFC 6455 section 1.3, and upstream's") {
  CHECK(websocket::accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK(websocket::accept_key("AQIDBAUGBwgJCgsMDQ4PEA==") == "C/0nmHhBztSRGR1CwL6Tf4ZjwpY=");
}

TEST_CASE("websocket: the Host header of a server") {
  using websocket::host_header;
  CHECK(host_header({"example.com", 2333}) == "example.com:2333");
  CHECK(host_header({"EXAMPLE.Com", 443}) == "example.com:443");
  CHECK(host_header({"example.com", 80}) == "example.com");
  CHECK(host_header({"::1", 80}) == "[::1]");
  CHECK(host_header({"::1", 8080}) == "[::1]:8080");
}

TEST_CASE("websocket: valid and invalid paths") {
  for (const char* good : {"/", "/a/b", "/a?b=c&d=%20", "//"}) {
    CAPTURE(good);
    CHECK_FALSE(websocket::path_problem(good));
  }
  for (const char* bad : {"", "a", "http://x/", "/a b", "/a\r\nX: y", "/\t", "/\x7f", "/a#b"}) {
    CAPTURE(bad);
    CHECK(websocket::path_problem(bad));
  }
}

TEST_CASE("websocket: valid and invalid hosts") {
  CHECK_FALSE(websocket::host_problem("example.com:80"));
  for (const char* bad : {"", " ", "a b", "a\n"}) {
    CAPTURE(bad);
    CHECK(websocket::host_problem(bad));
  }
}

TEST_CASE("websocket: extra headers that a request may have") {
  using websocket::header_problem;
  CHECK_FALSE(header_problem("X-Token", "a b\tc"));
  CHECK_FALSE(header_problem("Sec-WebSocket-Protocol", "x"));
  CHECK_FALSE(header_problem("A", ""));
  for (const char* own : {"host", "CONNECTION", "Upgrade", "sec-websocket-version",
                          "Sec-WebSocket-Key", "Sec-WebSocket-Accept", "Sec-WebSocket-Extensions",
                          "content-length", "Transfer-Encoding"}) {
    CAPTURE(own);
    CHECK(header_problem(own, "x"));
  }
  for (const char* bad : {"", "a b", "a:", "a\n"}) {
    CAPTURE(bad);
    CHECK(header_problem(bad, "x"));
  }
  for (const char* bad : {"a\nb", "a\rb", " a", "a ", "\x01"}) {
    CAPTURE(bad);
    CHECK(header_problem("X", bad));
  }
  const auto problem = header_problem("X", "hunter2\n");
  REQUIRE(problem);
  CHECK_FALSE(problem->contains("hunter2"));
  CHECK(header_problem("X", std::string_view("a\0b", 3)));
}

}  // namespace
}  // namespace rathole::test
