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

/// An IP address and a UDP port.
struct udp_endpoint {
  /// The address in network byte order; an IPv4 address uses the first four bytes, and the rest are
  /// zero.
  ipv6_bytes ip{};
  /// The port, in host byte order.
  std::uint16_t port = 0;
  /// Whether the address is an IPv6 address.
  bool is_v6 = false;

  /// Compares all members.
  [[nodiscard]] bool operator==(const udp_endpoint&) const = default;
};

/// Hashes an endpoint so that an attacker who does not know `seed` cannot choose colliding
/// addresses: SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012) of the
/// endpoint as three words. The seed must be random.
struct udp_endpoint_hash {
  /// The key of the hash; the 128-bit key of SipHash is this number twice.
  std::uint64_t seed = 0;

  /// Returns the hash of `of`.
  std::size_t operator()(const udp_endpoint& of) const {
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

/// Returns the endpoint as an address to be shown to users; an IPv6 address is written as eight
/// groups.
inline address to_address(const udp_endpoint& of) {
  std::string host;
  const auto add = [&host](unsigned number, int base) {
    std::array<char, 8> digits;
    const auto written = std::to_chars(digits.begin(), digits.end(), number, base);
    host.append(digits.begin(), written.ptr);
  };
  if (!of.is_v6) {
    for (std::size_t i = 0; i < 4; ++i) {
      if (i > 0) host += '.';
      add(of.ip[i], 10);
    }
  } else {
    for (std::size_t i = 0; i < of.ip.size(); i += 2) {
      if (i > 0) host += ':';
      add(static_cast<unsigned>(of.ip[i] << 8 | of.ip[i + 1]), 16);
    }
  }
  return address{std::move(host), of.port};
}

/// Returns the endpoint that an address of an IP literal, with or without a zone, and a port names;
/// nothing if the host is a name. An IPv4 address in its form for IPv6 (RFC 4291 section 2.5.5.2)
/// is one of IPv4.
inline std::optional<udp_endpoint> to_udp_endpoint(const address& of) {
  udp_endpoint out;
  out.port = of.port;
  if (const auto v4 = parse_ipv4(of.host)) {
    std::ranges::copy(*v4, out.ip.begin());
    return out;
  }
  const std::string_view host = of.host;
  const auto v6 = parse_ipv6(host.substr(0, host.find('%')));
  if (!v6) return std::nullopt;
  constexpr std::array<std::uint8_t, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::ranges::equal(std::span(*v6).first(mapped.size()), mapped)) {
    std::ranges::copy(std::span(*v6).last(4), out.ip.begin());
    return out;
  }
  out.ip = *v6;
  out.is_v6 = true;
  return out;
}

}  // namespace rathole
