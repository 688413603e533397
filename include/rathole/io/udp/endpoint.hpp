#pragma once

#include <rathole/core/ip_endpoint.hpp>

#include <asio/ip/address.hpp>
#include <asio/ip/udp.hpp>

#include <algorithm>
#include <cstdint>

namespace rathole::io {

/// Returns `of` as an endpoint of Asio.
inline asio::ip::udp::endpoint to_asio(const ip_endpoint& of) {
  if (of.is_v6) return {asio::ip::address_v6(of.ip), of.port};
  asio::ip::address_v4::bytes_type ip;
  std::copy_n(of.ip.begin(), ip.size(), ip.begin());
  return {asio::ip::address_v4(ip), of.port};
}

/// Returns the endpoint without a zone. An IPv4 address in its form for IPv6 (RFC 4291 section
/// 2.5.5.2) is one of IPv4.
inline ip_endpoint to_ip_endpoint(const asio::ip::udp::endpoint& of) {
  ip_endpoint out;
  out.port = of.port();
  const asio::ip::address at = of.address();
  if (at.is_v6() && !at.to_v6().is_v4_mapped()) {
    out.is_v6 = true;
    std::ranges::copy(at.to_v6().to_bytes(), out.ip.begin());
    return out;
  }
  const auto v4 =
      at.is_v4() ? at.to_v4() : asio::ip::make_address_v4(asio::ip::v4_mapped, at.to_v6());
  std::ranges::copy(v4.to_bytes(), out.ip.begin());
  return out;
}

}  // namespace rathole::io
