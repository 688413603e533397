#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/proxy_protocol/header.hpp>

#include <optional>

namespace rathole::server_side {

/// Returns the two ends of a visitor's connection, as a header of the PROXY protocol names them; nothing if
/// one of them is not an IP address, as when the visitor is the program itself.
inline std::optional<proxy_protocol::endpoints> ends_of(const address& visitor,
                                                        const address& reached) {
  const auto source = to_ip_endpoint(visitor);
  const auto destination = to_ip_endpoint(reached);
  if (!source || !destination) return std::nullopt;
  return proxy_protocol::endpoints{*source, *destination};
}

/// Returns the header of the PROXY protocol that precedes the bytes of `from`, a `visitor`, if `service` wants
/// one; otherwise nothing.
template <class Visitor>
byte_buffer proxy_header_of(const config::server_service& service, const Visitor& from) {
  byte_buffer out;
  if (!service.proxy_protocol) return out;
  proxy_protocol::append_header(out, *service.proxy_protocol, ends_of(from.peer(), from.reached()));
  return out;
}

}  // namespace rathole::server_side
