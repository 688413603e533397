#include "../support/machine_laws.hpp"

#include <rathole/http/head_reader.hpp>
#include <rathole/http/status_query.hpp>
#include <rathole/proxy/any_proxy.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <string>
#include <string_view>
#include <vector>

namespace rathole::test {
namespace {

byte_vector bytes_of(std::string_view in) {
  const byte_view bytes = text(in);
  return {bytes.begin(), bytes.end()};
}

/// Draws some of `messages` in a row, with a byte changed, truncated, or followed by any bytes;
/// sometimes any bytes.
byte_vector any_conversation(const std::vector<byte_vector>& messages) {
  if (*rc::gen::inRange(0, 10) == 0) return *any_bytes(40);
  byte_vector out;
  for (int left = *rc::gen::inRange(0, 5); left > 0; --left) {
    out = std::move(out) + *rc::gen::elementOf(messages);
  }
  const auto change = *rc::gen::inRange(0, 3);
  if (change == 0 && !out.empty()) {
    out[*rc::gen::inRange<std::size_t>(0, out.size())] = *rc::gen::arbitrary<std::uint8_t>();
  } else if (change == 1) {
    out.resize(*rc::gen::inRange<std::size_t>(0, out.size() + 1));
  }
  return out;
}

std::optional<proxy::credentials> any_user() {
  if (*rc::gen::arbitrary<bool>()) return std::nullopt;
  return proxy::credentials{*rc::gen::arbitrary<std::string>(),
                            secret(*rc::gen::arbitrary<std::string>())};
}

address any_target() {
  const auto host = *rc::gen::element<std::string>("example.com", "127.0.0.1", "::1", "", "a b");
  return {host, *rc::gen::arbitrary<std::uint16_t>()};
}

TEST_CASE("socks5: obeys the laws of Machine") {
  RATHOLE_PROPERTY("socks5", [] {
    const std::vector<byte_vector> messages{bytes("0500"),
                                            bytes("0502"),
                                            bytes("05ff"),
                                            bytes("0100"),
                                            bytes("0101"),
                                            bytes("05000001 7f000001 0050"),
                                            bytes("05000003 0161 0050"),
                                            bytes("05000004 00000000000000000000000000000001 0050"),
                                            bytes("0505000100000000")};
    laws::check(proxy::socks5(any_user(), any_target()), any_conversation(messages));
  });
  RATHOLE_PROPERTY("socks5 is bounded", [] {
    laws::check_bounded(proxy::socks5(any_user(), any_target()), proxy::socks5::max_buffered);
  });
}

TEST_CASE("http_connect: obeys the laws of Machine") {
  const std::vector<byte_vector> messages{bytes_of("HTTP/1.1 200 OK\r\n"),
                                          bytes_of("HTTP/1.1 407 Proxy\r\n"),
                                          bytes_of("Via: 1.1 x\r\n"), bytes_of("\r\n")};
  RATHOLE_PROPERTY("http_connect", [&] {
    laws::check(proxy::http_connect(any_user(), any_target()), any_conversation(messages));
  });
  RATHOLE_PROPERTY("http_connect is bounded", [] {
    laws::check_bounded(proxy::http_connect(any_user(), any_target()),
                        proxy::http_connect::max_buffered);
  });
}

TEST_CASE("status_query: obeys the laws of Machine") {
  const std::vector<byte_vector> messages{
      bytes_of("HTTP/1.1 200 OK\r\n"), bytes_of("HTTP/1.1 100 Continue\r\n\r\n"),
      bytes_of("HTTP/1.1 503 Busy\r\n"), bytes_of("Via: 1.1 x\r\n"), bytes_of("\r\n")};
  const auto any_query = [] {
    return http::status_query(*rc::gen::element<std::string>("example.com", "", "a b"),
                              *rc::gen::element<std::string>("/", "/health", "", "/a b"));
  };
  RATHOLE_PROPERTY("status_query", [&] { laws::check(any_query(), any_conversation(messages)); });
  RATHOLE_PROPERTY("status_query is bounded",
                   [&] { laws::check_bounded(any_query(), http::status_query::max_buffered); });
}

TEST_CASE("any_proxy: obeys the laws of Machine") {
  RATHOLE_PROPERTY("any_proxy", [] {
    proxy::settings how;
    if (*rc::gen::arbitrary<bool>()) how.scheme = proxy::scheme::http;
    how.credentials = any_user();
    laws::check(proxy::any_proxy(how, any_target()),
                any_conversation({bytes("0500"), bytes_of("HTTP/1.1 200 OK\r\n\r\n")}));
  });
}

TEST_CASE("head_reader: a head is read as it was written, and no byte after it") {
  RATHOLE_PROPERTY("head_reader", [] {
    const auto any_text = [](std::string_view from, std::size_t least) {
      return *rc::gen::suchThat(
          rc::gen::container<std::string>(rc::gen::elementOf(std::string(from))),
          [=](const std::string& s) { return s.size() >= least; });
    };
    http::head written{.start_line = any_text("GET /\x80:\t", 1)};
    byte_buffer wire;
    wire.append(text(written.start_line + "\r\n"));
    for (int left = *rc::gen::inRange(0, 6); left > 0; --left) {
      http::field field{any_text("aZ-9~", 1), any_text("x y:\t\xff", 0)};
      wire.append(text(field.name + ":" + field.value + "\r\n"));
      field.value = http::trimmed(field.value);
      written.fields.push_back(std::move(field));
    }
    wire.append(text("\r\n"));
    const std::size_t size = wire.size();
    wire.append(*any_bytes(8));

    http::head_reader reader;
    std::size_t taken = 0;
    byte_view rest = wire.data();
    while (!reader.done()) {
      const auto most = *rc::gen::inRange<std::size_t>(1, 40);
      const auto fed = reader.feed(rest.first(std::min(most, rest.size())));
      RC_ASSERT(fed.has_value());
      taken += *fed;
      rest = rest.subspan(*fed);
    }
    RC_ASSERT(taken == size);
    RC_ASSERT(reader.head() == written);
  });
}

}  // namespace
}  // namespace rathole::test
