#pragma once

#include <rathole/core/last_error.hpp>
#include <rathole/core/result.hpp>

#include <asio/ip/address_v4.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace rathole::io {

/// Binds a TCP or UDP socket to an Asio endpoint. The wildcard `::` also binds the port for IPv4,
/// whatever net.ipv6.bindv6only says. If another socket has the port for IPv4, `::` is bound for
/// IPv6 only, so that `0.0.0.0` and then `::` can be bound to one port. Fails with the system's
/// error.
template <class Endpoint>
result<void> bind_socket(int socket, const Endpoint& endpoint) {
  const bool is_wildcard = endpoint.address().is_v6() && endpoint.address().is_unspecified();
  for (const int only_v6 : {0, 1}) {
    if (is_wildcard) {
      ::setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6);
    }
    if (::bind(socket, endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0) return {};
    if (!is_wildcard || errno != EADDRINUSE) break;
  }
  return failure(last_error());
}

/// Returns the result of `open(endpoint)`, which opens and binds a socket. On a host without IPv6,
/// where that fails for the wildcard `::`, it tries `0.0.0.0` instead. Fails with the error for
/// `endpoint` itself.
template <class Endpoint, class Open>
auto open_bound(const Endpoint& endpoint, Open open) -> decltype(open(endpoint)) {
  auto opened = open(endpoint);
  const bool is_wildcard = endpoint.address().is_v6() && endpoint.address().is_unspecified();
  if (opened || !is_wildcard) return opened;
  const std::error_code& why = opened.error();
  if (why != std::errc::address_family_not_supported && why != std::errc::address_not_available) {
    return opened;
  }
  auto instead = open(Endpoint(asio::ip::address_v4::any(), endpoint.port()));
  return instead ? std::move(instead) : std::move(opened);
}

}  // namespace rathole::io
