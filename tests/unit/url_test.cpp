#include <rathole/config/url.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

namespace rathole::test {
namespace {
using config::parse_proxy_url;
using config::proxy_scheme;

TEST_CASE("a proxy URL names scheme, credentials, host and port") {
  struct row {
    std::string_view text;
    proxy_scheme scheme;
    std::string host;
    std::optional<std::uint16_t> port;
    std::string_view masked;
  };
  const row rows[] = {
      {"socks5://h:1", proxy_scheme::socks5, "h", 1, "socks5://h:1"},
      {"socks5://h", proxy_scheme::socks5, "h", std::nullopt, "socks5://h:1080"},
      {"http://h", proxy_scheme::http, "h", std::nullopt, "http://h:80"},
      {"HTTP://h:8080/", proxy_scheme::http, "h", 8080, "http://h:8080"},
      {"socks5://[::1]:1080", proxy_scheme::socks5, "::1", 1080, "socks5://[::1]:1080"},
      {"socks5://[::1]", proxy_scheme::socks5, "::1", std::nullopt, "socks5://[::1]:1080"},
      {"socks5://@h:1", proxy_scheme::socks5, "h", 1, "socks5://h:1"},
      {"socks5://user:pass@h:1", proxy_scheme::socks5, "h", 1, "socks5://MASKED@h:1"},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    const auto url = parse_proxy_url(each.text);
    REQUIRE(url);
    CHECK(url->scheme == each.scheme);
    CHECK(url->host == each.host);
    CHECK(url->port == each.port);
    CHECK(to_string(*url) == each.masked);
  }
}

TEST_CASE("credentials of a proxy URL are percent-decoded") {
  struct row {
    std::string_view text;
    std::string username;
    std::string password;
  };
  const row rows[] = {
      {"http://user:pass@h:1", "user", "pass"}, {"http://user@h:1", "user", ""},
      {"http://:pass@h:1", "", "pass"},         {"http://u:p:q@h:1", "u", "p:q"},
      {"http://u:p@q@h:1", "u", "p@q"},         {"http://u%40x:%2F%3a%25@h:1", "u@x", "/:%"},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    const auto url = parse_proxy_url(each.text);
    REQUIRE(url);
    REQUIRE(url->credentials);
    CHECK(url->credentials->username == each.username);
    CHECK(url->credentials->password == secret(each.password));
  }
}

TEST_CASE("an invalid proxy URL is rejected without showing its credentials") {
  struct row {
    std::string_view text;
    std::string_view what;
  };
  constexpr std::string_view place = "the URL's host or port is missing or malformed";
  constexpr std::string_view more =
      "the URL has more than user, password, host and port, or a reserved character in them";
  constexpr std::string_view percent =
      "a '%' in the user name or password needs two hexadecimal digits";
  const row rows[] = {
      {"https://h:1", "Unknown proxy scheme"},
      {"socks5h://h:1", "Unknown proxy scheme"},
      {"127.0.0.1:1080", "not a URL"},
      {"", "not a URL"},
      {"://h:1", "not a URL"},
      {"us3r:s3cret@h:1", "not a URL"},
      {"us3r:s3cret@://h:1", "not a URL"},
      {"5ocks://h:1", "not a URL"},
      {"http://", place},
      {"http://:1", place},
      {"http://us3r:s3cret@", place},
      {"http://us3r:s3cret@:1", place},
      {"http://h:", place},
      {"http://h:0", place},
      {"http://h:65536", place},
      {"http://us3r:s3cret@h h:1", place},
      {"http://us3r:s3cret@::1:80", place},
      {"http://us3r:s3cret@[::1:80", place},
      {"http://us3r:s3cret@[::g]:80", place},
      {"http://us3r:s3cret@*:80", place},
      {"http://us3r:s3cret@h:1/path", more},
      {"http://us3r:s3cret#x@h:1", more},
      {"http://us3r:s3cret?x@h:1", more},
      {"http://us3r:s3cret%@h:1", percent},
      {"http://us3r%4:s3cret@h:1", percent},
      {"http://us3r:s3cret%zz@h:1", percent},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    const auto url = parse_proxy_url(each.text);
    REQUIRE_FALSE(url);
    CHECK(url.error() == each.what);
    CHECK_FALSE(url.error().contains("s3cret"));
    CHECK_FALSE(url.error().contains("us3r"));
  }
}

}  // namespace
}  // namespace rathole::test
