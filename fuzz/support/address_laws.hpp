#pragma once

#include "check.hpp"

#include <rathole/config/url.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/ip_literal.hpp>
#include <rathole/protocol/source_network.hpp>

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace rathole::fuzz {

/// Checks that whatever parses has no blanks or control characters, and prints as text that parses
/// to the same; so does an IPv6 address without its brackets, and only IPv6 addresses have colons.
inline result<address> check_address(std::string_view text) {
  auto parsed = parse_address(text);
  if (!parsed) {
    check(parsed.error() == errc::invalid_address);
    return parsed;
  }
  check(!parsed->host.empty());
  check(parsed->is_unix() || parsed->host.size() <= max_host_name + 1);
  if (parsed->is_unix()) {
    check(parsed->port == 0 && text == parsed->host && is_unix_text(text));
    check(!parsed->unix_path().empty() && parsed->unix_path().size() <= max_unix_path);
    check(parse_address(to_string(*parsed)) == parsed);
    return parsed;
  }
  check(
      std::ranges::none_of(parsed->host, [](char c) { return (c >= 0 && c <= ' ') || c == 0x7f; }));
  const auto again = parse_address(to_string(*parsed));
  check(again && *again == *parsed);
  const auto bare = parse_address(parsed->host + ':' + std::to_string(parsed->port));
  check(bare && *bare == *parsed);
  const std::string_view literal = std::string_view(parsed->host).substr(0, parsed->host.find('%'));
  check(parsed->host.contains(':') == parse_ipv6(literal).has_value());
  return parsed;
}

/// Checks that IP literals are what the system accepts as such. An IPv6 one counts as its /64, or
/// as the IPv4 address that it maps; the network of a source is its own network.
inline void check_network(std::string_view host) {
  const std::string network = protocol::source_network(host);
  check(protocol::source_network(network) == network);
  std::array<std::uint8_t, 16> bytes;
  const std::string literal(host.substr(0, host.find('%')));
  if (literal.contains('\0')) return;
  ipv4_bytes dotted;
  const bool is_dotted = inet_pton(AF_INET, literal.c_str(), dotted.data()) == 1;
  check(parse_ipv4(literal) == (is_dotted ? std::optional(dotted) : std::nullopt));
  const bool is_ipv6 = inet_pton(AF_INET6, literal.c_str(), bytes.data()) == 1;
  check(parse_ipv6(literal) == (is_ipv6 ? std::optional(bytes) : std::nullopt));
  if (!is_ipv6) return;
  constexpr std::array<std::uint8_t, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  std::string expected;
  if (std::equal(mapped.begin(), mapped.end(), bytes.begin())) {
    for (std::size_t i = 12; i < 16; ++i)
      expected += (i > 12 ? "." : "") + std::to_string(bytes[i]);
  } else {
    char text[40];
    std::snprintf(text, sizeof text, "%x:%x:%x:%x::/64", bytes[0] << 8 | bytes[1],
                  bytes[2] << 8 | bytes[3], bytes[4] << 8 | bytes[5], bytes[6] << 8 | bytes[7]);
    expected = text;
  }
  check(network == expected);
}

/// Checks that whether two listeners conflict does not depend on their order, and that each
/// conflicts with itself.
inline void check_overlap(const address& a, const address& b) {
  check(config::overlap(a, b) == config::overlap(b, a));
  check(config::overlap(a, a) == (a.is_unix() || a.port != 0));
  check(!config::overlap(a, b) || a.port == b.port);
}

/// Checks that a URL that parses names an address to dial, and prints without its credentials; so
/// does the error of one that does not parse.
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
