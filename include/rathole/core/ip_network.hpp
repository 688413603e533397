#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/core/ip_literal.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rathole {

/// The addresses that begin with the same bits (RFC 4632 section 3.1, RFC 4291 section 2.3), or all peers of
/// Unix-domain sockets.
struct ip_network {
  /// The bits in front; the others are zero. Its port is not used.
  ip_endpoint base = {};
  /// How many bits they are: up to 32 for IPv4, up to 128 for IPv6.
  unsigned prefix = 0;
  /// Whether it has the peers of Unix-domain sockets, and no IP addresses.
  bool is_unix = false;

  /// Returns whether the address of `of` is in the network. Networks of IPv6 have no IPv4 addresses.
  [[nodiscard]] bool contains(const ip_endpoint& of) const {
    if (is_unix || of.is_v6 != base.is_v6) return false;
    const std::size_t whole = prefix / 8;
    const std::span mine(base.ip);
    if (!std::ranges::equal(mine.first(whole), std::span(of.ip).first(whole))) return false;
    const unsigned rest = prefix % 8;
    if (rest == 0) return true;
    const auto differs = static_cast<unsigned>(mine[whole] ^ of.ip[whole]);
    return differs >> (8 - rest) == 0;
  }

  /// Returns whether every address of `other` is in the network.
  [[nodiscard]] bool covers(const ip_network& other) const {
    if (is_unix || other.is_unix) return is_unix == other.is_unix;
    return prefix <= other.prefix && contains(other.base);
  }

  /// Compares all members.
  [[nodiscard]] bool operator==(const ip_network&) const = default;
};

/// Returns how many bits the addresses of the family of `of` have.
inline unsigned address_bits(const ip_endpoint& of) { return of.is_v6 ? 128 : 32; }

/// Returns the network in CIDR notation: `10.0.0.0/8`; or `unix:`.
inline std::string to_string(const ip_network& of) {
  if (of.is_unix) return std::string(unix_prefix);
  return to_address(of.base).host + '/' + std::to_string(of.prefix);
}

/// Returns the network of `prefix` bits that the address `of` is in. `prefix` must not exceed
/// `address_bits`.
inline ip_network network_of(ip_endpoint of, unsigned prefix) {
  of.port = 0;
  for (unsigned bit = prefix; bit < address_bits(of); ++bit) {
    of.ip[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> bit % 8));
  }
  return {.base = of, .prefix = prefix};
}

/// Parses a network in CIDR notation, or an address, which is a network of its own, or `unix:`. Bits behind the
/// prefix are cleared; see `network_of`. A network of IPv4 addresses in their form for IPv6 is one of IPv4.
/// Returns nothing if `text` is anything else.
inline std::optional<ip_network> parse_ip_network(std::string_view text) {
  if (text == unix_prefix) return ip_network{.is_unix = true};
  const auto slash = text.find('/');
  const std::string host(text.substr(0, slash));
  if (host.contains('%')) return std::nullopt;
  const auto base = to_ip_endpoint({host, 0});
  if (!base) return std::nullopt;
  const unsigned most = address_bits(*base);
  if (slash == std::string_view::npos) return ip_network{.base = *base, .prefix = most};
  const std::string_view digits = text.substr(slash + 1);
  if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
  const auto prefix = detail::parse_digits(digits, 10, 3);
  if (!prefix) return std::nullopt;
  // The first 96 bits say that it is an IPv4 address.
  constexpr unsigned mapped = 96;
  const bool is_mapped = !base->is_v6 && host.contains(':');
  if (is_mapped && *prefix < mapped) return std::nullopt;
  const unsigned bits = is_mapped ? *prefix - mapped : *prefix;
  if (bits > most) return std::nullopt;
  return network_of(*base, bits);
}

/// Returns whether one of `networks` has the address of `of`, which may be an IPv4 address in its form for
/// IPv6; false for a name.
inline bool contains(const std::vector<ip_network>& networks, const address& of) {
  if (networks.empty()) return false;
  if (of.is_unix()) return std::ranges::any_of(networks, &ip_network::is_unix);
  const auto endpoint = to_ip_endpoint(of);
  return endpoint && std::ranges::any_of(networks, [&endpoint](const ip_network& each) {
           return each.contains(*endpoint);
         });
}

}  // namespace rathole
