#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

namespace rathole::config {

/// A table of a configuration and all keys that it has.
struct key_place {
  /// The path of the table; the name of a service is `NAME`.
  std::string_view table;
  /// The keys.
  std::span<const std::string_view> keys;
};

namespace detail {

inline constexpr std::string_view server_keys[] = {"bind_addr",
                                                   "mode",
                                                   "owner",
                                                   "default_token",
                                                   "default_token_file",
                                                   "heartbeat_interval",
                                                   "handshake_timeout",
                                                   "max_handshakes",
                                                   "max_handshakes_per_address",
                                                   "workers",
                                                   "shutdown_grace",
                                                   "shutdown_idle_timeout",
                                                   "accept_proxy_protocol",
                                                   "trusted_proxies",
                                                   "allow",
                                                   "deny",
                                                   "pool",
                                                   "idle_timeout",
                                                   "half_close_timeout",
                                                   "udp",
                                                   "transport",
                                                   "admin",
                                                   "services"};
inline constexpr std::string_view client_keys[] = {"remote_addr",
                                                   "strategy",
                                                   "prefer_ipv6",
                                                   "default_token",
                                                   "default_token_file",
                                                   "heartbeat_timeout",
                                                   "retry_interval",
                                                   "connect_timeout",
                                                   "max_retries",
                                                   "handshake_timeout",
                                                   "shutdown_grace",
                                                   "shutdown_idle_timeout",
                                                   "max_dials",
                                                   "max_forwards",
                                                   "workers",
                                                   "ready_timeout",
                                                   "idle_timeout",
                                                   "half_close_timeout",
                                                   "udp",
                                                   "transport",
                                                   "admin",
                                                   "services"};
inline constexpr std::string_view server_service_keys[] = {"type",
                                                           "bind_addr",
                                                           "token",
                                                           "token_file",
                                                           "nodelay",
                                                           "mode",
                                                           "owner",
                                                           "pool",
                                                           "idle_timeout",
                                                           "half_close_timeout",
                                                           "udp",
                                                           "proxy_protocol",
                                                           "enable_proxy_protocol",
                                                           "proxy_protocol_datagrams",
                                                           "accept_proxy_protocol",
                                                           "trusted_proxies",
                                                           "allow",
                                                           "deny",
                                                           "max_connections",
                                                           "max_connections_per_address",
                                                           "new_connections_per_second",
                                                           "bandwidth_limit",
                                                           "on_conflict",
                                                           "max_clients",
                                                           "affinity"};
inline constexpr std::string_view client_service_keys[] = {"type",
                                                           "local_addr",
                                                           "strategy",
                                                           "health_check",
                                                           "server_ports",
                                                           "token",
                                                           "token_file",
                                                           "nodelay",
                                                           "retry_interval",
                                                           "prefer_ipv6",
                                                           "connect_timeout",
                                                           "idle_timeout",
                                                           "half_close_timeout",
                                                           "udp"};
inline constexpr std::string_view server_udp_keys[] = {"idle_timeout", "max_visitors",
                                                       "queue_size"};
inline constexpr std::string_view client_udp_keys[] = {"idle_timeout", "max_visitors", "queue_size",
                                                       "answers_from_any_port"};
inline constexpr std::string_view transport_keys[] = {
    "type", "tcp", "tls", "noise", "websocket", "multiplex", "connections"};

}  // namespace detail

/// The tables with keys that are easily written in another one: that of the other side, or that of a service.
inline constexpr key_place key_places[] = {
    {"server", detail::server_keys},
    {"server.udp", detail::server_udp_keys},
    {"server.transport", detail::transport_keys},
    {"server.services.NAME", detail::server_service_keys},
    {"server.services.NAME.udp", detail::server_udp_keys},
    {"client", detail::client_keys},
    {"client.udp", detail::client_udp_keys},
    {"client.transport", detail::transport_keys},
    {"client.services.NAME", detail::client_service_keys},
    {"client.services.NAME.udp", detail::client_udp_keys},
};

namespace detail {

/// Returns the name of the service in `path`, that of a table, as it is written there; empty if there is none.
inline std::string_view service_in(std::string_view path) {
  constexpr std::string_view services = ".services.";
  const auto side_end = path.find('.');
  if (side_end == path.npos || !path.substr(side_end).starts_with(services)) return {};
  const std::string_view rest = path.substr(side_end + services.size());
  if (!rest.starts_with('"')) return rest.substr(0, rest.find('.'));
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '\\') {
      ++i;
    } else if (rest[i] == '"') {
      return rest.substr(0, i + 1);
    }
  }
  return rest;
}

/// Returns the side in `path`, such as `server`.
inline std::string_view side_in(std::string_view path) { return path.substr(0, path.find('.')); }

}  // namespace detail

/// Returns which of `key_places` have `key`, which the table at `path` does not have, as text such as
/// `[server]`: those of the same side, or else that of the other side for the same, or else all. Returns an empty
/// text if there are none, or if the table at `path` is neither the root nor one of `key_places`.
inline std::string places_of(std::string_view key, std::string_view path) {
  constexpr std::string_view any_name = "NAME";
  const std::string_view side = detail::side_in(path);
  const std::string_view name = detail::service_in(path);
  std::string table(path);
  if (!name.empty()) {
    table.replace(static_cast<std::size_t>(name.data() - path.data()), name.size(), any_name);
  }
  const auto is_known = std::ranges::find(key_places, table, &key_place::table);
  if (!path.empty() && is_known == std::end(key_places)) return {};
  std::string own;
  std::string same;
  std::string all;
  for (const key_place& each : key_places) {
    if (std::ranges::find(each.keys, key) == each.keys.end()) continue;
    std::string place(each.table);
    const auto at = place.find(any_name);
    if (!name.empty() && at != place.npos) place.replace(at, any_name.size(), name);
    const auto add = [&place](std::string& to) {
      to += (to.empty() ? "`[" : " or `[") + place + "]`";
    };
    const std::string_view of = detail::side_in(each.table);
    add(all);
    if (of == side) add(own);
    if (each.table.substr(of.size()) == std::string_view(table).substr(side.size())) add(same);
  }
  return !own.empty() ? own : !same.empty() ? same : all;
}

}  // namespace rathole::config
