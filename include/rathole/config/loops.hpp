#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::config {

namespace detail {

/// Returns whether a connection to `host` reaches the host that connects.
inline bool is_own_host(std::string_view host) {
  return host.starts_with(unix_prefix) || host == "localhost" || host.starts_with("127.") ||
         host == "::1" || host == "0.0.0.0" || host == "::";
}

/// Returns whether a connection to `to` reaches a listener at `bound`. If `to` is the connecting
/// host itself, the listener must be on the same host.
inline bool reaches(const address& to, const address& bound) {
  if (to.is_unix() || bound.is_unix()) return to.host == bound.host;
  if (to.port != bound.port || to.port == 0) return false;
  const bool is_wildcard = bound.host == "0.0.0.0" || bound.host == "::";
  if (is_wildcard || to.host == bound.host) return true;
  return is_own_host(to.host) && is_own_host(bound.host);
}

}  // namespace detail

/// Returns the client services whose `local_addr` certainly leads back to a service of `listens`,
/// each with that server service. This is the case if `dials` connects to the host of `listens`,
/// and the port is one of that service's. If `remote_addr` shows that the two run on different
/// hosts, equal ports mean nothing.
inline std::vector<std::pair<const client_service*, const server_service*>> loops_of(
    const client& dials, const server& listens) {
  std::vector<std::pair<const client_service*, const server_service*>> out;
  const auto is_own = [](const address& each) { return detail::is_own_host(each.host); };
  const auto& servers = dials.remote_addr;
  const bool on_one_host = std::ranges::any_of(servers, is_own);
  // Ranges of ports make many services, of which few have the same port.
  std::multimap<std::uint16_t, std::pair<const address*, const server_service*>> by_port;
  for (const server_service& at : listens.services) {
    for (const address& each : at.bind_addr) by_port.emplace(each.port, std::pair(&each, &at));
  }
  for (const client_service& from : dials.services) {
    for (const address& to : from.local_addr) {
      const bool is_server = std::ranges::find(servers, to.host, &address::host) != servers.end();
      if (!(on_one_host && is_own(to)) && !is_server) continue;
      const auto [first, last] = by_port.equal_range(to.port);
      for (auto each = first; each != last; ++each) {
        const auto [bound, at] = each->second;
        if (at->kind != from.kind || !detail::reaches(to, *bound)) continue;
        if (out.empty() || out.back() != std::pair(&from, at)) out.emplace_back(&from, at);
      }
    }
  }
  return out;
}

}  // namespace rathole::config
