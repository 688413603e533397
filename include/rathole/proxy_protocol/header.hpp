#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/endian.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/proxy_protocol/version.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

/// The PROXY protocol, by which a proxy says whose connection it forwards: W. Tarreau, "The PROXY protocol,
/// versions 1 & 2", 2020/03/05. In the following, "section" means one of that document.
namespace rathole::proxy_protocol {

/// What the addresses of a header belong to.
enum class transport : std::uint8_t {
  /// A TCP connection.
  stream,
  /// A UDP datagram.
  datagram
};

/// The two ends of the connection that a proxy forwards.
struct endpoints {
  /// The visitor.
  ip_endpoint source = {};
  /// The address and port that the visitor has reached.
  ip_endpoint destination = {};

  /// Compares all members.
  [[nodiscard]] bool operator==(const endpoints&) const = default;
};

/// The first bytes of a header of version 1.
inline constexpr std::string_view v1_signature = "PROXY ";
/// The first bytes of a header of version 2.
inline constexpr std::array<std::uint8_t, 12> v2_signature = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                              0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
/// The longest header of version 1, with its CRLF, in bytes (section 2.1).
inline constexpr std::size_t v1_max_size = 107;
/// The fixed part of a header of version 2, in bytes: signature, command, family and length.
inline constexpr std::size_t v2_fixed_size = 16;

namespace detail {

/// The addresses and ports of a header of version 2, in bytes, for IPv4 and IPv6.
inline constexpr std::uint16_t v2_ipv4_size = 12;
inline constexpr std::uint16_t v2_ipv6_size = 36;
/// The values of the byte with version and command: LOCAL and PROXY.
inline constexpr std::uint8_t v2_local = 0x20;
inline constexpr std::uint8_t v2_proxy = 0x21;
/// The upper half of the byte with family and transport.
inline constexpr std::uint8_t v2_ipv4 = 0x10;
inline constexpr std::uint8_t v2_ipv6 = 0x20;
/// The lower half of that byte.
inline constexpr std::uint8_t v2_stream = 0x01;
inline constexpr std::uint8_t v2_datagram = 0x02;

/// Returns the address as one of IPv6; an IPv4 address in its form for IPv6 (RFC 4291 section 2.5.5.2).
inline ip_endpoint as_ipv6(const ip_endpoint& of) {
  if (of.is_v6) return of;
  ip_endpoint out;
  out.is_v6 = true;
  out.port = of.port;
  out.ip[10] = out.ip[11] = 0xff;
  std::ranges::copy(std::span(of.ip).first(4), out.ip.begin() + 12);
  return out;
}

/// Returns the two ends in one family, because a header has only one.
inline endpoints in_one_family(const endpoints& of) {
  if (of.source.is_v6 == of.destination.is_v6) return of;
  return {as_ipv6(of.source), as_ipv6(of.destination)};
}

inline void append_number(byte_buffer& out, std::uint16_t number) {
  std::array<std::uint8_t, 2> bytes;
  store_be(number, std::span(bytes));
  out.append(bytes);
}

inline void append_v1(byte_buffer& out, const std::optional<endpoints>& ends) {
  if (!ends) return out.append(byte_view_of("PROXY UNKNOWN\r\n"));
  const endpoints both = in_one_family(*ends);
  const address from = to_address(both.source);
  const address to = to_address(both.destination);
  out.append(byte_view_of(both.source.is_v6 ? "PROXY TCP6 " : "PROXY TCP4 "));
  out.append(byte_view_of(from.host + ' ' + to.host + ' ' + std::to_string(from.port) + ' ' +
                          std::to_string(to.port) + "\r\n"));
}

inline void append_v2(byte_buffer& out, const std::optional<endpoints>& ends, transport over) {
  out.append(v2_signature);
  if (!ends) {
    out.append(std::array<std::uint8_t, 2>{v2_local, 0});
    return append_number(out, 0);
  }
  const endpoints both = in_one_family(*ends);
  const bool is_v6 = both.source.is_v6;
  const std::uint8_t kind = over == transport::datagram ? v2_datagram : v2_stream;
  const auto family = static_cast<std::uint8_t>((is_v6 ? v2_ipv6 : v2_ipv4) | kind);
  out.append(std::array<std::uint8_t, 2>{v2_proxy, family});
  append_number(out, is_v6 ? v2_ipv6_size : v2_ipv4_size);
  const std::size_t size = is_v6 ? 16 : 4;
  out.append(byte_view(both.source.ip).first(size));
  out.append(byte_view(both.destination.ip).first(size));
  append_number(out, both.source.port);
  append_number(out, both.destination.port);
}

}  // namespace detail

/// Appends a header of version `as` to `out`. Without `ends` it says that the connection is not one of a
/// visitor with an address: `UNKNOWN` in version 1, `LOCAL` in version 2. Version 1 is for streams only.
/// Addresses of two families are written as those of IPv6.
inline void append_header(byte_buffer& out, version as, const std::optional<endpoints>& ends,
                          transport over = transport::stream) {
  if (as == version::v1) return detail::append_v1(out, ends);
  detail::append_v2(out, ends, over);
}

}  // namespace rathole::proxy_protocol
