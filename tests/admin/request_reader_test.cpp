#include <rathole/admin/request_reader.hpp>
#include <rathole/admin/response_reader.hpp>
#include <rathole/core/bytes.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace rathole::admin {
namespace {

/// Feeds `text` in pieces of `size` bytes until the request is complete or refused; returns what is left.
std::string_view feed(request_reader& reader, std::string_view text, std::size_t size) {
  while (!text.empty() && !reader.done() && reader.refusal() == 0) {
    const auto piece = text.substr(0, size);
    std::size_t taken = 0;
    while (taken < piece.size() && !reader.done() && reader.refusal() == 0) {
      const std::size_t more = reader.feed(byte_view_of(piece.substr(taken)));
      if (more == 0) break;
      taken += more;
    }
    text.remove_prefix(taken);
  }
  return text;
}

TEST_CASE("request reader: a request is the same in pieces of any size") {
  constexpr std::string_view text =
      "PUT /api/v1/services/web HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\n\r\n{\"a\":1}"
      "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    CAPTURE(size);
    request_reader reader;
    const auto rest = feed(reader, text, size);
    REQUIRE(reader.done());
    CHECK(reader.keeps_alive());
    const request first = reader.take();
    CHECK(first.method == "PUT");
    CHECK(first.target == "/api/v1/services/web");
    CHECK(first.body == "{\"a\":1}");
    CHECK(first.minor == 1);
    CHECK(feed(reader, rest, size).empty());
    REQUIRE(reader.done());
    CHECK(reader.keeps_alive());
    const request second = reader.take();
    CHECK(second.method == "GET");
    CHECK(second.minor == 0);
    CHECK(second.body.empty());
    CHECK_FALSE(reader.done());
  }
}

TEST_CASE("request reader: the connection is kept as both sides say") {
  const auto keeps = [](std::string_view text) {
    request_reader reader;
    feed(reader, text, text.size());
    REQUIRE(reader.done());
    return reader.keeps_alive();
  };
  CHECK(keeps("GET / HTTP/1.1\r\n\r\n"));
  CHECK_FALSE(keeps("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n"));
  CHECK_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
}

TEST_CASE("request reader: what cannot be answered is refused with a status") {
  struct example {
    std::string text;
    int status;
  };
  const example examples[] = {
      {"nonsense\r\n\r\n", 400},
      {"GET  / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/2.0\r\n\r\n", 505},
      {"GET / HTTP/1.1\r\nbad header\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n Host: folded\r\n\r\n", 400},
      {"GET /" + std::string(9000, 'x') + " HTTP/1.1\r\n\r\n", 431},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411},
      {"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", 411},
      {"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", 413},
      {"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 413},
      {"POST / HTTP/1.1\r\nExpect: the impossible\r\n\r\n", 417},
  };
  for (const auto& [text, status] : examples) {
    CAPTURE(text.substr(0, 60));
    for (const std::size_t size : {std::size_t{1}, text.size()}) {
      request_reader reader;
      feed(reader, text, size);
      CHECK(reader.refusal() == status);
      CHECK_FALSE(reader.done());
    }
  }
}

TEST_CASE("request reader: a client that waits for an interim answer is told once") {
  request_reader reader;
  feed(reader, "PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", 1000);
  CHECK(reader.wants_continue());
  CHECK_FALSE(reader.wants_continue());
  feed(reader, "{}", 2);
  CHECK(reader.done());
}

TEST_CASE("request reader: each refusal says what is wrong") {
  CHECK(request_reader::text_of(413) == "The body of a request may have 64 KiB.");
  CHECK(request_reader::text_of(431) == "The head of a request may have 64 KiB.");
  for (const int status : {400, 411, 505}) CHECK(request_reader::text_of(status).ends_with('.'));
}

TEST_CASE("response reader: an answer is read to its length, or to the end of the connection") {
  response_reader reader;
  constexpr std::string_view text =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcmore";
  std::string_view rest = text;
  while (!rest.empty() && !reader.done()) {
    const auto taken =
        reader.feed(byte_view_of(rest.substr(0, std::min<std::size_t>(rest.size(), 5))));
    REQUIRE(taken);
    rest.remove_prefix(*taken);
  }
  CHECK(reader.done());
  CHECK(reader.status() == 200);
  CHECK(reader.body == "abc");
  CHECK(rest == "more");

  response_reader open;
  REQUIRE(open.feed(byte_view_of("HTTP/1.1 200 OK\r\n\r\nabc")));
  CHECK_FALSE(open.done());
  CHECK(open.body == "abc");
  response_reader bad;
  CHECK_FALSE(bad.feed(byte_view_of("SSH-2.0-OpenSSH\r\n\r\n")));
  response_reader huge;
  CHECK_FALSE(huge.feed(byte_view_of("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")));
}

TEST_CASE("response reader: an answer without a length is bounded") {
  response_reader reader;
  REQUIRE(reader.feed(byte_view_of("HTTP/1.1 200 OK\r\n\r\n")));
  const std::string much(response_reader::max_unread, 'x');
  REQUIRE(reader.feed(byte_view_of(much)));
  const auto refused = reader.feed(byte_view_of("x"));
  REQUIRE(!refused);
  CHECK(bool(refused.error() == errc::message_too_long));
  reader.body.clear();
  CHECK(reader.feed(byte_view_of("x")));
}

}  // namespace
}  // namespace rathole::admin
