#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/protocol/source_network.hpp>

#include <cstdint>

namespace rathole::server_side {

/// Returns a number for the source of a visitor or client at `from`; `seed` makes it one that nobody can choose.
/// All peers that have no IP address are one source.
inline std::uint64_t source_number(const address& from, std::uint64_t seed) {
  const auto endpoint = to_ip_endpoint(from).value_or(ip_endpoint());
  return ip_endpoint_hash{seed}(protocol::source_network(endpoint));
}

}  // namespace rathole::server_side
