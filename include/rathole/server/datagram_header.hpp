#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/io/udp/datagram.hpp>
#include <rathole/proxy_protocol/header.hpp>

#include <algorithm>
#include <cstddef>
#include <new>
#include <optional>

namespace rathole::server_side {

/// The largest payload of a UDP datagram over IPv4, in bytes.
inline constexpr std::size_t max_datagram_size = 65'507;

/// Returns whether a datagram of a visitor is preceded by a header of the PROXY protocol. `has_header` says
/// whether one of the visitor's datagrams was, on the same data channel.
inline bool wants_header(const config::server_service& service, bool has_header) {
  if (!service.proxy_protocol) return false;
  return !has_header || service.proxy_protocol_datagrams == config::datagram_headers::every;
}

/// Puts the header and the payload of the datagram `what` into `out`. The visitor has sent it to the socket
/// at `local`. Returns false if there is no room for both in one datagram, or no memory.
inline bool add_header(byte_buffer& out, const io::datagram& what, const address& local) try {
  out.clear();
  auto reached = to_ip_endpoint(local);
  const bool is_known = std::ranges::any_of(what.local, [](auto byte) { return byte != 0; });
  if (is_known) reached = ip_endpoint{what.local, local.port, what.peer.is_v6};
  std::optional<proxy_protocol::endpoints> ends;
  if (reached) ends = {what.peer, *reached};
  proxy_protocol::append_header(out, proxy_protocol::version::v2, ends,
                                proxy_protocol::transport::datagram);
  if (out.size() + what.payload.size() > max_datagram_size) return false;
  out.append(what.payload);
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

}  // namespace rathole::server_side
