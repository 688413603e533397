// The headers of the PROXY protocol: what is written, and what is read back.

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/proxy_protocol/header.hpp>
#include <rathole/proxy_protocol/header_reader.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::string_literals;
using proxy_protocol::endpoints;
using proxy_protocol::header_reader;
using proxy_protocol::version;

const std::string v2_start("\r\n\r\n\0\r\nQUIT\n", 12);

ip_endpoint endpoint(const std::string& host, std::uint16_t port) {
  return to_ip_endpoint({host, port}).value();
}

const endpoints of_ipv4{endpoint("203.0.113.9", 51000), endpoint("192.0.2.1", 443)};
const endpoints of_ipv6{endpoint("2001:db8::9", 51000), endpoint("2001:db8::1", 443)};

std::string written(version as, const std::optional<endpoints>& ends,
                    proxy_protocol::transport over = proxy_protocol::transport::stream) {
  byte_buffer out;
  proxy_protocol::append_header(out, as, ends, over);
  const byte_view bytes = std::as_const(out).data();
  return {bytes.begin(), bytes.end()};
}

/// What a reader has made of a text, of which it was given pieces of at most `most` bytes.
struct reading {
  std::error_code error;
  bool is_complete = false;
  std::optional<endpoints> ends;
  /// How many bytes it has taken.
  std::size_t taken = 0;
};

reading read(std::string_view text, std::size_t most = 4096) {
  header_reader reader;
  reading out;
  while (!reader.is_complete()) {
    REQUIRE(reader.wanted() > 0);
    const auto size = std::min({reader.wanted(), most, text.size() - out.taken});
    if (size == 0) break;
    const auto fed = reader.receive(byte_view_of(text.substr(out.taken, size)));
    out.taken += size;
    if (!fed) {
      out.error = fed.error();
      return out;
    }
  }
  out.is_complete = reader.is_complete();
  out.ends = reader.ends();
  return out;
}

TEST_CASE("proxy protocol: version 1 is a line of text") {
  CHECK(written(version::v1, of_ipv4) == "PROXY TCP4 203.0.113.9 192.0.2.1 51000 443\r\n");
  CHECK(written(version::v1, of_ipv6) == "PROXY TCP6 2001:db8::9 2001:db8::1 51000 443\r\n");
  CHECK(written(version::v1, std::nullopt) == "PROXY UNKNOWN\r\n");
  CHECK(written(version::v1, endpoints{of_ipv4.source, of_ipv6.destination}) ==
        "PROXY TCP6 ::ffff:cb00:7109 2001:db8::1 51000 443\r\n");
}

TEST_CASE("proxy protocol: version 2 is binary") {
  CHECK(written(version::v2, of_ipv4) ==
        v2_start + "\x21\x11\x00\x0c\xcb\x00\x71\x09\xc0\x00\x02\x01\xc7\x38\x01\xbb"s);
  CHECK(written(version::v2, of_ipv4, proxy_protocol::transport::datagram).substr(12, 4) ==
        "\x21\x12\x00\x0c"s);
  const std::string v6 = written(version::v2, of_ipv6);
  CHECK(v6.size() == 52);
  CHECK(v6.substr(12, 4) == "\x21\x21\x00\x24"s);
  CHECK(v6.substr(48) == "\xc7\x38\x01\xbb"s);
  CHECK(written(version::v2, of_ipv6, proxy_protocol::transport::datagram).substr(12, 2) ==
        "\x21\x22"s);
  CHECK(written(version::v2, std::nullopt) == v2_start + "\x20\x00\x00\x00"s);
}

TEST_CASE("proxy protocol: what is written is read back, in pieces of any size") {
  for (const auto& ends :
       {std::optional(of_ipv4), std::optional(of_ipv6), std::optional<endpoints>()}) {
    for (const version as : {version::v1, version::v2}) {
      const std::string header = written(as, ends);
      for (std::size_t most = 1; most <= header.size(); ++most) {
        const reading found = read(header + "the visitor's bytes\r\n", most);
        CHECK_FALSE(found.error);
        CHECK(found.is_complete);
        CHECK(found.taken == header.size());
        CHECK(found.ends == ends);
      }
      for (std::size_t size = 0; size < header.size(); ++size) {
        const reading found = read(std::string_view(header).substr(0, size));
        CHECK_FALSE(found.error);
        CHECK_FALSE(found.is_complete);
      }
    }
  }
}

TEST_CASE("proxy protocol: version 1 of other programs") {
  const auto found = [](const char* host, const char* text) {
    const reading out = read(text);
    return out.is_complete && out.ends && out.ends->source == endpoint(host, 65535) &&
           out.taken == std::string_view(text).size();
  };
  CHECK(found("255.255.255.255", "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"));
  CHECK(found("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
              "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
              "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"));
  CHECK(found("192.0.2.7", "PROXY TCP6 ::ffff:192.0.2.7 ::1 65535 1\r\n"));
  for (const char* text : {"PROXY UNKNOWN\r\n", "PROXY UNKNOWN 1 2 3 4\r\n",
                           "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"}) {
    CHECK(read(text).is_complete);
    CHECK_FALSE(read(text).ends);
  }
}

TEST_CASE("proxy protocol: version 2 of other programs") {
  const std::string addresses = "\xcb\x00\x71\x09\xc0\x00\x02\x01\xc7\x38\x01\xbb"s;
  // A TLV of type PP2_TYPE_NOOP, and 4,000 bytes of others.
  CHECK(read(v2_start + "\x21\x11\x00\x10"s + addresses + "\x04\x00\x01\x00"s).ends == of_ipv4);
  const reading large =
      read(v2_start + "\x21\x11\x0f\xac"s + addresses + std::string(4000, 'x') + "rest");
  CHECK(large.ends == of_ipv4);
  CHECK(large.taken == 4028);
  // LOCAL with addresses, and kinds that are not TCP.
  for (const std::string& kind :
       {"\x20\x11"s, "\x21\x00"s, "\x21\x12"s, "\x21\x31"s, "\x20\xff"s}) {
    const reading found = read(v2_start + kind + "\x00\x0c"s + addresses);
    CHECK(found.is_complete);
    CHECK_FALSE(found.ends);
  }
}

TEST_CASE("proxy protocol: anything else is refused") {
  for (const std::string& text : {"GET / HTTP/1.1\r\n\r\n"s,
                                  "PROXY"s + std::string(200, ' '),
                                  "PROXY TCP4"s + std::string(200, '1'),
                                  "PROXY\r\n123456789"s,
                                  "PROXY TCP4 1.2.3.4\n 5.6.7.8 1 2\r\n"s,
                                  "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n"s,
                                  "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n"s,
                                  "PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n"s,
                                  "PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n"s,
                                  "PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n"s,
                                  "PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n"s,
                                  "PROXY TCP4 ::1 ::1 1 2\r\n"s,
                                  "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n"s,
                                  "PROXY TCP4 1.2.3.400 5.6.7.8 1 2\r\n"s,
                                  "PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n"s,
                                  "PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n"s,
                                  "PROXY UNKNOWNX\r\n"s,
                                  "PROXY unknown\r\n"s,
                                  "proxy UNKNOWN\r\n"s,
                                  "PROXY TCP4\r1.2.3.4 5.6.7.8 1 2\r\n"s,
                                  "PROXY UNKNOWN "s + std::string(92, 'x') + "\r\n",
                                  "\r\n\r\n\0\r\nQUIT\r\x21\x11\0\0"s,
                                  v2_start + "\x11\x11\x00\x0c"s,
                                  v2_start + "\x22\x11\x00\x0c"s,
                                  v2_start + "\x21\x11\x00\x0b"s + std::string(11, 'x'),
                                  v2_start + "\x21\x21\x00\x23"s + std::string(35, 'x'),
                                  std::string(20, '\0')}) {
    CAPTURE(text);
    for (const std::size_t most : {1u, 7u, 4096u}) {
      const reading found = read(text, most);
      CHECK(found.error == errc::malformed_proxy_header);
    }
  }
  CHECK(read("PROXY UNKNOWN " + std::string(91, 'x') + "\r\n").is_complete);
  CHECK(read(v2_start + "\x21\x11\xff\xff"s).error == errc::message_too_long);
  CHECK(read(v2_start + "\x21\x11\x0f\xf1"s).error == errc::message_too_long);
}

}  // namespace
}  // namespace rathole::test
