#pragma once

#include <rathole/config/key.hpp>
#include <rathole/config/limits.hpp>
#include <rathole/config/local_service_problems.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/servers.hpp>
#include <rathole/config/types.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::config {

/// The kind of an instance.
enum class side {
  /// The server, on the public host.
  server,
  /// The client, which connects to the server.
  client
};

/// Returns the name of `kind` in a file, as `type` of a transport.
inline const char* name_of(transport_kind kind) {
  switch (kind) {
    case transport_kind::noise: return "noise";
    case transport_kind::tls: return "tls";
    case transport_kind::websocket: return "websocket";
    case transport_kind::tcp: break;
  }
  return "tcp";
}

/// Returns the name of the table of `which` in a file.
inline const char* name_of(side which) { return which == side::server ? "server" : "client"; }

/// Returns whether two listeners of one protocol at `a` and `b` certainly conflict: they have the
/// same port, and the same host or one is the wildcard of the other's address family. Port 0 never
/// conflicts. The same Unix-domain socket conflicts. Whether `[::]` conflicts with an IPv4 address
/// depends on the system, so it counts as no conflict.
inline bool overlap(const address& a, const address& b) {
  if (a.is_unix() || b.is_unix()) return a.host == b.host;
  if (a.port != b.port || a.port == 0) return false;
  if (a.host == b.host) return true;
  const auto covers = [](std::string_view wildcard, std::string_view host) {
    if (wildcard == "::") return host.contains(':');
    return wildcard == "0.0.0.0" && host.find_first_not_of("0123456789.") == host.npos;
  };
  return covers(a.host, b.host) || covers(b.host, a.host);
}

/// Returns why a server cannot have an identity by `value`; nothing if it can. It must name a
/// PKCS#12 file and its password, or PEM files of certificates and key. The problem has no key
/// path.
inline std::optional<problem> identity_problem(const tls_options& value) {
  if (value.pkcs12 && (value.cert || value.key)) {
    return problem{.what = "both `pkcs12` and `cert` or `key`", .remedy = "name one identity"};
  }
  if (value.cert || value.key) {
    if (value.cert && value.key) return std::nullopt;
    return problem{.what = "Missing `cert` or `key`",
                   .remedy = "name both PEM files: the certificates and the private key"};
  }
  if (value.pkcs12 && value.pkcs12_password) return std::nullopt;
  return problem{.what = "Missing `pkcs12` or `pkcs12_password`",
                 .remedy = "name the identity file and its password, or `cert` and `key`"};
}

/// Returns why an instance with the valid transport `value` cannot start: tables that the selected
/// transport requires are missing. The problems have key paths but no positions. Compat: upstream
/// also finds these only when the instance starts.
inline std::vector<problem> start_problems(const transport& value, side where) {
  const std::string path = where == side::server ? "server.transport" : "client.transport";
  std::vector<problem> problems;
  const auto missing = [&](std::string what, const std::string& table) {
    problems.push_back(
        {.key = path, .what = std::move(what), .remedy = "add `[" + path + '.' + table + "]`"});
  };
  if (value.kind == transport_kind::noise && !value.noise) missing("Missing noise config", "noise");
  if (value.kind == transport_kind::websocket && !value.websocket) {
    missing("Missing websocket config", "websocket");
  }
  const bool over_tls = uses_tls(value);
  if (over_tls && !value.tls) {
    missing("Missing tls config", "tls");
  } else if (over_tls && where == side::server) {
    if (auto wrong = identity_problem(*value.tls)) {
      wrong->key = path + ".tls";
      problems.push_back(std::move(*wrong));
    }
  }
  return problems;
}

namespace detail {

/// Adds a problem with the path `key` if the address is empty.
inline void add_address_problem(std::string key, const address& value,
                                std::vector<problem>& problems) {
  if (!value.host.empty()) return;
  problems.push_back({.key = std::move(key),
                      .what = "no address",
                      .remedy = "name host and port, as `host:port`"});
}

/// Adds a problem with the path `key` if the address of a UDP service is a Unix-domain socket.
inline void add_udp_address_problem(const std::string& key, const address_list& value,
                                    std::vector<problem>& problems) {
  if (std::ranges::none_of(value, &address::is_unix)) return;
  problems.push_back({.key = key,
                      .what = "a UDP service has no Unix-domain socket",
                      .remedy = "name host and port, as `host:port`"});
}

/// Adds a problem with the path `key` if the list or an address in it is empty.
inline void add_address_problem(const std::string& key, const address_list& value,
                                std::vector<problem>& problems) {
  if (value.empty()) add_address_problem(key, address(), problems);
  for (const address& each : value) add_address_problem(key, each, problems);
}

/// Adds a problem for each table of `value` that its transport does not use.
inline void add_unused_tables(side of, const transport& value, std::vector<problem>& problems) {
  const auto check = [&](const char* table, bool is_there, bool is_used) {
    if (!is_there || is_used) return;
    problems.push_back({.key = std::string(name_of(of)) + ".transport." + table,
                        .what = "the transport is `" + std::string(name_of(value.kind)) +
                                "`, which does not use these options",
                        .remedy =
                            "set `transport.kind`, as `transport = config::tls{...}` does, or "
                            "remove them"});
  };
  check("tls", value.tls.has_value(), uses_tls(value));
  check("noise", value.noise.has_value(), value.kind == transport_kind::noise);
  check("websocket", value.websocket.has_value(), value.kind == transport_kind::websocket);
}

/// Adds a problem if there are options of the admin API, which belongs to the program, not to a client
/// or server.
inline void add_admin_problem(side of, const std::optional<admin_options>& value,
                              std::vector<problem>& problems) {
  if (!value) return;
  problems.push_back(
      {.key = std::string(name_of(of)) + ".admin",
       .what = "the admin API is a part of the program `rathole`",
       .remedy = "leave it out here; use an observer and the functions of the class"});
}

/// Returns the problems of the names and addresses of an instance: services with the same name,
/// and missing addresses. Its own address `own` has the key `own_key`; the address of each service
/// is its member `where`, with the key `service_key`.
template <class Address, class Service>
std::vector<problem> address_and_name_problems(side of, std::string_view own_key,
                                               const address_list& own,
                                               std::string_view service_key,
                                               const std::vector<Service>& services,
                                               Address Service::* where) {
  std::vector<problem> problems;
  const std::string path = name_of(of);
  add_address_problem(path + '.' + std::string(own_key), own, problems);
  std::set<std::string_view> names;
  for (const Service& each : services) {
    const std::string key = key_path(path + ".services", each.name);
    if (!names.insert(each.name).second) {
      problems.push_back({.key = key,
                          .what = "two services have this name",
                          .remedy = "give each service a name of its own"});
    }
    if constexpr (requires { each.in_process; }) {
      if (each.in_process) continue;
    }
    const std::string address_key = key + '.' + std::string(service_key);
    add_address_problem(address_key, each.*where, problems);
    if (each.kind == service_kind::udp) {
      add_udp_address_problem(address_key, each.*where, problems);
    }
  }
  return problems;
}

/// Adds the problems of the PROXY protocol of a server and its services.
inline void add_proxy_problems(const server& value, std::vector<problem>& problems) {
  const auto add = [&problems](const std::string& table, const char* key, const char* what,
                               const char* remedy) {
    problems.push_back({.key = table + '.' + key, .what = what, .remedy = remedy});
  };
  const auto check_trust = [&add](const std::string& table, const auto& of) {
    if (!of.accept_proxy_protocol || !of.trusted_proxies.empty()) return;
    add(table, "accept_proxy_protocol", "without `trusted_proxies` no connection has a header",
        "name the networks of the proxies");
  };
  check_trust("server", value);
  for (const server_service& each : value.services) {
    const std::string table = key_path("server.services", each.name);
    check_trust(table, each);
    if (each.kind != service_kind::udp) continue;
    if (each.proxy_protocol == proxy_protocol::version::v1) {
      add(table, "proxy_protocol", "version 1 is for TCP only", "choose version 2");
    }
    if (each.accept_proxy_protocol) {
      add(table, "accept_proxy_protocol", "for TCP services only", "leave it out");
    }
  }
}

/// Adds the problems of the limits on visitors of the services of a server.
inline void add_limit_problems(const server& value, std::vector<problem>& problems) {
  for (const server_service& each : value.services) {
    const auto add = [&](const char* key, const char* what, std::string remedy) {
      problems.push_back({.key = key_path("server.services", each.name) + '.' + key,
                          .what = what,
                          .remedy = std::move(remedy)});
    };
    const auto check = [&add](const char* key, std::optional<std::size_t> number,
                              std::int64_t most) {
      if (!number || (*number >= 1 && *number <= static_cast<std::size_t>(most))) return;
      add(key, "the number is out of range", "choose 1 to " + std::to_string(most));
    };
    check("max_connections", each.max_connections, limits::service_connections);
    check("max_connections_per_address", each.max_connections_per_address,
          limits::service_connections);
    check("max_clients", each.max_clients, limits::service_clients);
    if (const auto& rate = each.new_connections_per_second) {
      check("new_connections_per_second.rate", rate->per_second, limits::connection_rate);
      check("new_connections_per_second.burst", rate->burst, limits::connection_rate);
    }
    for (const auto& rate : {each.bandwidth.in, each.bandwidth.out}) {
      if (!rate || (*rate >= limits::min_bandwidth && *rate <= limits::max_bandwidth)) continue;
      add("bandwidth_limit", "the rate is out of range", "choose 1 KiB/s to 1024 GiB/s");
    }
    if (each.kind == service_kind::udp && !each.bandwidth.empty()) {
      add("bandwidth_limit", "for TCP services only", "leave it out");
    }
    if (each.kind == service_kind::udp && each.max_connections) {
      add("max_connections", "for TCP services only", "set `udp.max_visitors` instead");
    }
  }
}

}  // namespace detail

/// Returns the problems that a file cannot cause, but a program that fills the struct itself can:
/// services with the same name, missing addresses, and options of transports that are not selected.
/// The problems have key paths but no positions.
inline std::vector<problem> settings_problems(const client& value) {
  auto problems =
      detail::address_and_name_problems(side::client, "remote_addr", value.remote_addr,
                                        "local_addr", value.services, &client_service::local_addr);
  for (problem& each : servers_problems(value)) {
    each.key = "client.remote_addr";
    problems.push_back(std::move(each));
  }
  detail::add_local_service_problems(value, problems);
  detail::add_unused_tables(side::client, value.transport, problems);
  detail::add_admin_problem(side::client, value.admin, problems);
  return problems;
}

/// Returns the problems of the settings of a server that a file cannot cause, as for a client.
inline std::vector<problem> settings_problems(const server& value) {
  auto problems =
      detail::address_and_name_problems(side::server, "bind_addr", value.bind_addr, "bind_addr",
                                        value.services, &server_service::bind_addr);
  detail::add_unused_tables(side::server, value.transport, problems);
  detail::add_admin_problem(side::server, value.admin, problems);
  detail::add_proxy_problems(value, problems);
  detail::add_limit_problems(value, problems);
  return problems;
}

/// Returns `connections` of `value`, limited to what a file may ask for.
inline std::size_t connections_of(const transport& value) {
  constexpr auto most = static_cast<std::size_t>(limits::connections);
  return std::clamp<std::size_t>(value.connections, 1, most);
}

/// The longest duration that a configuration may have.
inline constexpr milliseconds max_duration = seconds(limits::duration_seconds);

namespace detail {

/// Limits each of `times` to `max_duration`.
inline void bound(std::initializer_list<milliseconds*> times) {
  for (milliseconds* time : times) *time = std::min(*time, max_duration);
}

}  // namespace detail

/// Returns the settings with every duration limited to `max_duration`, so that adding it to a
/// time does not overflow, and with 1 to `limits::connections` connections. A file cannot exceed the
/// limit, but a program that fills the structs itself can.
inline client bounded(client value) {
  detail::bound({&value.heartbeat_timeout, &value.connect_timeout, &value.handshake_timeout,
                 &value.shutdown_grace, &value.shutdown_idle_timeout, &value.ready_timeout});
  value.transport.connections = connections_of(value.transport);
  for (client_service& service : value.services) {
    detail::bound({&service.retry_interval, &service.connect_timeout, &service.idle_timeout,
                   &service.half_close_timeout, &service.udp.idle_timeout});
  }
  return value;
}

/// Returns the settings of a server with every duration limited to `max_duration`. A UDP
/// service also gets at least one data channel and at most `limits::udp_channels`.
inline server bounded(server value) {
  detail::bound({&value.heartbeat_interval, &value.handshake_timeout, &value.shutdown_grace,
                 &value.shutdown_idle_timeout});
  for (server_service& service : value.services) {
    detail::bound({&service.pool.visitor_timeout, &service.idle_timeout,
                   &service.half_close_timeout, &service.udp.idle_timeout});
    if (service.kind == service_kind::udp) {
      constexpr auto most = static_cast<std::size_t>(limits::udp_channels);
      service.pool.size = std::clamp<std::size_t>(service.pool.size, 1, most);
      service.pool.max_idle = std::max(service.pool.max_idle, service.pool.size);
    }
  }
  return value;
}

}  // namespace rathole::config
