#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/endian.hpp>
#include <rathole/core/ip_literal.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace rathole {

/// An IP address and a UDP port.
struct udp_endpoint {
  /// In network order; an IPv4 address has the first four, and zeros behind.
  ipv6_octets ip{};
  std::uint16_t port = 0;
  bool is_v6 = false;

  [[nodiscard]] bool operator==(const udp_endpoint&) const = default;
};

/// A hash whose collisions cannot be chosen by somebody who does not know `seed`.
struct udp_endpoint_hash {
  std::uint64_t seed = 0;

  std::size_t operator()(const udp_endpoint& of) const {
    const std::span<const std::uint8_t, 16> ip(of.ip);
    std::uint64_t value = seed ^ (std::uint64_t{of.port} << 1 | std::uint64_t{of.is_v6});
    value = mix(value + load_le<std::uint64_t>(ip.first<8>()));
    value = mix(value + load_le<std::uint64_t>(ip.last<8>()));
    return static_cast<std::size_t>(value ^ mix(seed));
  }

 private:
  /// The finalizer of MurmurHash3: every bit of the input reaches every bit of the output.
  static std::uint64_t mix(std::uint64_t value) {
    value = (value ^ (value >> 33)) * 0xff51afd7ed558ccdULL;
    value = (value ^ (value >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return value ^ (value >> 33);
  }
};

/// The endpoint as an address for people; IPv6 as eight groups.
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

}  // namespace rathole
