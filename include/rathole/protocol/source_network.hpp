#pragma once

#include <rathole/core/ip_endpoint.hpp>
#include <rathole/core/ip_literal.hpp>
#include <rathole/core/ip_network.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>

namespace rathole::protocol {

/// Returns the network that counts as one source of connections, from the host of a peer's address:
/// an IPv4 address itself; the /64 of an IPv6 address, which is what one subscriber is given (RFC
/// 6177); or the IPv4 address inside an IPv4-mapped one (RFC 4291 section 2.5.5.2). A text that is
/// not an IPv6 address is returned unchanged.
inline std::string source_network(std::string_view host) {
  const auto bytes = parse_ipv6(host.substr(0, host.find('%')));
  if (!bytes) return std::string(host);
  const auto& o = *bytes;
  const auto text = [](unsigned value, int base) {
    std::array<char, 8> digits;
    const auto written = std::to_chars(digits.begin(), digits.end(), value, base);
    return std::string(digits.begin(), written.ptr);
  };
  const auto group = [&](std::size_t i) {
    return text(static_cast<unsigned>(o[2 * i] << 8 | o[2 * i + 1]), 16);
  };
  constexpr ipv6_bytes mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(mapped.begin(), mapped.begin() + 12, o.begin())) {
    return text(o[12], 10) + '.' + text(o[13], 10) + '.' + text(o[14], 10) + '.' + text(o[15], 10);
  }
  return group(0) + ':' + group(1) + ':' + group(2) + ':' + group(3) + "::/64";
}

/// Returns the network that counts as one source of connections, as for a host, by its first address: that
/// of an IPv4 endpoint, or the /64 of an IPv6 one. The port is 0.
inline ip_endpoint source_network(const ip_endpoint& of) {
  constexpr unsigned subscriber = 64;
  return network_of(of, of.is_v6 ? subscriber : address_bits(of)).base;
}

}  // namespace rathole::protocol
