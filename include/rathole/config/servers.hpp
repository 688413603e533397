#pragma once

#include <rathole/config/limits.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace rathole::config {

/// Returns the name of `value` in a file, as `strategy` of a client.
inline const char* name_of(server_strategy value) {
  return value == server_strategy::all ? "all" : "failover";
}

/// Returns why a client with the settings `of` cannot reach `server`, one of its servers, at a
/// Unix-domain socket; nothing if it can, or if the server is elsewhere. The problem has no key path.
inline std::optional<problem> unix_server_problem(const client& of, const address& server) {
  if (!server.is_unix()) return std::nullopt;
  if (of.transport.tcp.proxy) {
    return problem{
        .what = "a proxy does not lead to a Unix-domain socket",
        .remedy = "remove `transport.tcp.proxy`, or name the host and port of the server"};
  }
  if (uses_tls(of.transport) && of.transport.tls && !of.transport.tls->hostname) {
    return problem{
        .what = "a Unix-domain socket has no name that a certificate could have",
        .remedy = "set `transport.tls.hostname` to the name in the server's certificate"};
  }
  return std::nullopt;
}

/// Returns why a client cannot have the servers of the settings `of`, except that an address is
/// missing: there are too many, one of them is named twice, or cannot be reached with its transport.
/// The problems have no key paths.
inline std::vector<problem> servers_problems(const client& of) {
  std::vector<problem> out;
  const address_list& all = of.remote_addr;
  if (all.size() > limits::servers) {
    out.push_back(
        {.what = "too many servers", .remedy = "name 1 to " + std::to_string(limits::servers)});
  }
  for (auto at = all.begin(); at != all.end(); ++at) {
    const auto first = std::find(all.begin(), at, *at);
    const bool is_second = first != at && std::find(first + 1, at, *at) == at;
    if (is_second && !at->host.empty()) {
      out.push_back({.what = "entry " + std::to_string(at - all.begin() + 1) +
                             " is the same server as entry " +
                             std::to_string(first - all.begin() + 1),
                     .remedy = "name each server once"});
    }
  }
  for (const address& each : all) {
    auto wrong = unix_server_problem(of, each);
    if (!wrong) continue;
    out.push_back(std::move(*wrong));
    break;
  }
  return out;
}

}  // namespace rathole::config
