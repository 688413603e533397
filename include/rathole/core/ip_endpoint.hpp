#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/endian.hpp>
#include <rathole/core/ip_literal.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace rathole {

/// An IP address and a port of TCP or UDP.
struct ip_endpoint {
  /// The address in network byte order; an IPv4 address uses the first four bytes, and the rest are
  /// zero.
  ipv6_bytes ip{};
  /// The port, in host byte order.
  std::uint16_t port = 0;
  /// Whether the address is an IPv6 address.
  bool is_v6 = false;

  /// Compares all members.
  [[nodiscard]] bool operator==(const ip_endpoint&) const = default;
};

/// Hashes an endpoint so that an attacker who does not know `seed` cannot choose colliding
/// addresses: SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012) of the
/// endpoint as three words. The seed must be random.
struct ip_endpoint_hash {
  /// The key of the hash; the 128-bit key of SipHash is this number twice.
  std::uint64_t seed = 0;

  /// Returns the hash of `of`.
  std::size_t operator()(const ip_endpoint& of) const {
    const std::span<const std::uint8_t, 16> ip(of.ip);
    state now{{seed ^ 0x736f6d6570736575U, seed ^ 0x646f72616e646f6dU, seed ^ 0x6c7967656e657261U,
               seed ^ 0x7465646279746573U}};
    now.add(std::uint64_t{of.port} << 1 | std::uint64_t{of.is_v6});
    now.add(load_le<std::uint64_t>(ip.first<8>()));
    now.add(load_le<std::uint64_t>(ip.last<8>()));
    // The last word carries the length, 24 bytes, in its highest byte.
    now.add(std::uint64_t{24} << 56);
    now.v[2] ^= 0xff;
    for (int i = 0; i < 3; ++i) now.round();
    return static_cast<std::size_t>(now.v[0] ^ now.v[1] ^ now.v[2] ^ now.v[3]);
  }

 private:
  struct state {
    std::array<std::uint64_t, 4> v;

    void add(std::uint64_t word) {
      v[3] ^= word;
      round();
      v[0] ^= word;
    }
    void round() {
      v[0] += v[1];
      v[1] = std::rotl(v[1], 13) ^ v[0];
      v[0] = std::rotl(v[0], 32);
      v[2] += v[3];
      v[3] = std::rotl(v[3], 16) ^ v[2];
      v[0] += v[3];
      v[3] = std::rotl(v[3], 21) ^ v[0];
      v[2] += v[1];
      v[1] = std::rotl(v[1], 17) ^ v[2];
      v[2] = std::rotl(v[2], 32);
    }
  };
};

namespace detail {

/// Appends `number` in `base` to `text`.
inline void append_number(std::string& text, unsigned number, int base) {
  std::array<char, 8> digits;
  const auto written = std::to_chars(digits.begin(), digits.end(), number, base);
  text.append(digits.begin(), written.ptr);
}

/// Returns an IPv6 address as RFC 5952 section 4 writes it: without leading zeros, in lower case, and with
/// `::` in place of the first of the longest runs of at least two zero groups.
inline std::string ipv6_text(const ipv6_bytes& ip) {
  constexpr std::size_t groups = 8;
  const auto group = [&ip](std::size_t i) {
    return static_cast<unsigned>(ip[2 * i] << 8 | ip[2 * i + 1]);
  };
  std::size_t gap = groups;
  std::size_t longest = 1;
  for (std::size_t i = 0, run = 0; i < groups; ++i) {
    run = group(i) == 0 ? run + 1 : 0;
    if (run <= longest) continue;
    longest = run;
    gap = i + 1 - run;
  }
  std::string out;
  for (std::size_t i = 0; i < groups; ++i) {
    if (i == gap) {
      out += "::";
      i += longest - 1;
      continue;
    }
    if (!out.empty() && !out.ends_with(':')) out += ':';
    append_number(out, group(i), 16);
  }
  return out;
}

}  // namespace detail

/// Returns the endpoint as an address; an IPv6 address is written as RFC 5952 recommends.
inline address to_address(const ip_endpoint& of) {
  if (of.is_v6) return address{detail::ipv6_text(of.ip), of.port};
  std::string host;
  for (std::size_t i = 0; i < 4; ++i) {
    if (i > 0) host += '.';
    detail::append_number(host, of.ip[i], 10);
  }
  return address{std::move(host), of.port};
}

/// Returns the endpoint of an IPv6 address and a port. An IPv4 address in its form for IPv6 (RFC 4291
/// section 2.5.5.2) is one of IPv4.
inline ip_endpoint to_ip_endpoint(const ipv6_bytes& ip, std::uint16_t port) {
  constexpr std::array<std::uint8_t, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  ip_endpoint out;
  out.port = port;
  if (std::ranges::equal(std::span(ip).first(mapped.size()), mapped)) {
    std::ranges::copy(std::span(ip).last(4), out.ip.begin());
    return out;
  }
  out.ip = ip;
  out.is_v6 = true;
  return out;
}

/// Returns the endpoint that an address of an IP literal, with or without a zone, and a port names;
/// nothing if the host is a name. An IPv4 address in its form for IPv6 is one of IPv4.
inline std::optional<ip_endpoint> to_ip_endpoint(const address& of) {
  ip_endpoint out;
  out.port = of.port;
  if (const auto v4 = parse_ipv4(of.host)) {
    std::ranges::copy(*v4, out.ip.begin());
    return out;
  }
  const std::string_view host = of.host;
  const auto v6 = parse_ipv6(host.substr(0, host.find('%')));
  if (!v6) return std::nullopt;
  return to_ip_endpoint(*v6, of.port);
}

}  // namespace rathole
