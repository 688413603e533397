#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/protocol/source_network.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace rathole::server_side {

/// Returns a number for the source of a visitor or client at `from`, which is random-looking and, for an IP address,
/// cannot be chosen by those who do not know `seed`. All peers of Unix-domain sockets are one source.
inline std::uint64_t source_number(const address& from, std::uint64_t seed) {
  if (const auto endpoint = to_ip_endpoint(from)) {
    return ip_endpoint_hash{seed}(protocol::source_network(*endpoint));
  }
  return seed ^ std::hash<std::string>()(from.host);
}

}  // namespace rathole::server_side
