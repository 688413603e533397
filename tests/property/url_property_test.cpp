#include "../support/property.hpp"

#include <rathole/config/url.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::test {
namespace {

using config::parse_proxy_url;
using config::proxy_scheme;
using config::proxy_url;

/// Percent-encodes any bytes, including some that need not be encoded.
std::string percent_encoded(const std::string& in) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-._~!$&'()*+,;=";
  std::string out;
  for (const char c : in) {
    if (plain.contains(c) && *rc::gen::inRange(0, 4) > 0) {
      out += c;
    } else {
      const auto byte = static_cast<std::uint8_t>(c);
      out += '%' + to_hex(byte_view(&byte, 1));
    }
  }
  return out;
}

rc::Gen<std::string> any_name() {
  return rc::gen::nonEmpty(
      rc::gen::container<std::string>(rc::gen::elementOf(std::string("abcxyz019.-_"))));
}

TEST_CASE("proxy URLs: any text is parsed or rejected without showing its credentials") {
  RATHOLE_PROPERTY("the parts of a URL survive parsing", [](bool http, bool slash) {
    proxy_url made;
    made.scheme = http ? proxy_scheme::http : proxy_scheme::socks5;
    made.host = *any_name();
    std::string text = http ? "http://" : "socks5://";
    if (*rc::gen::arbitrary<bool>()) {
      const auto user = *rc::gen::nonEmpty(rc::gen::string<std::string>());
      const auto password = *rc::gen::string<std::string>();
      made.credentials = config::proxy_credentials{user, secret(std::string(password))};
      text += percent_encoded(user);
      if (!password.empty() || *rc::gen::arbitrary<bool>()) text += ':' + percent_encoded(password);
      text += '@';
    }
    text += made.host;
    if (*rc::gen::arbitrary<bool>()) {
      made.port = *rc::gen::inRange<std::uint16_t>(1, 65535);
      text += ':' + std::to_string(*made.port);
    }
    const auto read = parse_proxy_url(text + (slash ? "/" : ""));
    RC_ASSERT(read.has_value());
    RC_ASSERT((*read == made));
  });
  RATHOLE_PROPERTY("neither an error nor the printed URL shows the credentials", [] {
    const std::string kept = "7Q3ZX9KW";
    std::string text = *rc::gen::elementOf(std::vector<std::string>{
        "http://u:" + kept + "@h:1", "socks5://" + kept + ":p@h", "http://" + kept + "@[::1]:80/"});
    text += *rc::gen::elementOf(std::vector<std::string>{"", ":", ":70000", "x", "]", "/x", "@"});
    const int changes = *rc::gen::inRange(0, 3);
    for (int i = 0; i < changes; ++i) {
      const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
      // An error may show the scheme, and never the rest of the URL.
      if (at > text.find(':')) text[at] = *rc::gen::elementOf(std::string("%/:@[]?#\\a1 "));
    }
    const auto read = parse_proxy_url(text);
    const std::string shown = read ? config::to_string(*read) : read.error();
    const std::string host = read ? read->host : std::string();
    for (const std::string_view part : {"7Q3Z", "Q3ZX", "X9KW"}) {
      RC_ASSERT(!shown.contains(part) || host.contains(part));
    }
  });
}

}  // namespace
}  // namespace rathole::test
