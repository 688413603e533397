#pragma once

#include "check.hpp"

#include <rathole/config/url.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/address.hpp>

#include <algorithm>
#include <string>
#include <string_view>

namespace rathole::fuzz {

/// What parses has no blanks or control characters, and prints as something that parses to the same.
inline result<address> check_address(std::string_view text) {
  auto parsed = parse_address(text);
  if (!parsed) {
    check(parsed.error() == errc::invalid_address);
    return parsed;
  }
  check(!parsed->host.empty());
  check(
      std::ranges::none_of(parsed->host, [](char c) { return (c >= 0 && c <= ' ') || c == 0x7f; }));
  const auto again = parse_address(to_string(*parsed));
  check(again && *again == *parsed);
  return parsed;
}

/// Whether two listeners collide does not depend on their order, and each collides with itself.
inline void check_overlap(const address& a, const address& b) {
  check(config::overlap(a, b) == config::overlap(b, a));
  check(config::overlap(a, a) == (a.port != 0));
  check(!config::overlap(a, b) || a.port == b.port);
}

/// What parses names something to connect to, and prints without its credentials; so does the
/// sentence about what does not parse.
inline void check_proxy_url(std::string_view text) {
  const auto parsed = config::parse_proxy_url(text);
  if (!parsed) {
    check(!parsed.error().empty() && !parsed.error().contains('\n'));
    check(!parsed.error().contains('@'));
    return;
  }
  const address to = config::proxy_address(*parsed);
  check(to.port != 0);
  check_address(to_string(to));
  const std::string masked = config::to_string(*parsed);
  check(masked.contains("MASKED@") == parsed->credentials.has_value());

  // Without its credentials, the URL still names the same proxy.
  const auto bare = config::parse_proxy_url(
      parsed->credentials ? std::string(masked).erase(masked.find("MASKED@"), 7) : masked);
  check(bare && bare->scheme == parsed->scheme && config::proxy_address(*bare) == to);
}

}  // namespace rathole::fuzz
