#pragma once

#include <rathole/config/published_secrets.hpp>
#include <rathole/config/toml_admin.hpp>
#include <rathole/config/toml_admission.hpp>
#include <rathole/config/toml_bandwidth.hpp>
#include <rathole/config/toml_listeners.hpp>
#include <rathole/config/toml_local_service.hpp>
#include <rathole/config/toml_port_ranges.hpp>
#include <rathole/config/toml_proxy_protocol.hpp>
#include <rathole/config/toml_secret.hpp>
#include <rathole/config/toml_servers.hpp>
#include <rathole/config/toml_several_clients.hpp>
#include <rathole/config/toml_transport.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::config {

namespace detail {

/// What the `type` of a service says.
struct service_type {
  /// The kind of the service.
  service_kind kind = service_kind::tcp;
  /// How its addresses are written.
  address_form addresses = address_form::usual;
  /// Whether it is wrong, so that the kind that is meant is not known.
  bool is_wrong = false;

  /// Compares all members.
  [[nodiscard]] bool operator==(const service_type&) const = default;
};

/// Reads the `type` of a service; TCP if the key is absent. Compat: upstream after v0.5.0 has the type
/// `socket_stream`, whose addresses are paths of Unix-domain sockets.
inline service_type read_service_type(toml_reader& table) {
  static constexpr std::array<spelling<service_type>, 3> types = {{
      {"tcp", {service_kind::tcp, address_form::usual}},
      {"udp", {service_kind::udp, address_form::usual}},
      {"socket_stream", {service_kind::tcp, address_form::path}},
  }};
  return read_enum(table, "type", types).value_or(service_type{.is_wrong = table.contains("type")});
}

/// Reports the addresses of a UDP service, at `key`, that are Unix-domain sockets.
inline void check_udp_address(const toml_reader& service, std::string_view key,
                              const address_list& where) {
  if (std::ranges::none_of(where, &address::is_unix)) return;
  service.reject(key, "a UDP service has no Unix-domain socket", "write it like `0.0.0.0:8080`");
}

/// Reads the token at `key`, or in a file. Warns of one that protects nothing: an empty one, or one that
/// everybody knows.
inline std::optional<secret> read_given_token(toml_reader& table, std::string_view key) {
  auto token = read_secret(table, key);
  if (!token) return std::nullopt;
  if (token->value.empty()) {
    table.warn(token->key, "an empty token protects nothing: anybody can serve the service",
               "write a secret of your own");
  } else if (is_published(secret_kind::token, token->value.view())) {
    table.warn(token->key, "this token is in public examples, so everybody knows it",
               "write a secret of your own, such as `openssl rand -hex 16` prints");
  }
  return std::move(token->value);
}

/// Returns the token of the services that have none of their own. A misspelt key is a problem by
/// itself, and not that of each service.
inline std::optional<secret> read_default_token(toml_reader& table) {
  constexpr std::string_view key = "default_token";
  auto token = read_given_token(table, key);
  // A token that is wrong is a problem of its own.
  if (!token && (has_secret(table, key) || table.misspells(key))) return secret();
  return token;
}

/// Reads the token of the service `name`, or returns the default token. `instance` is the path of
/// the table that has the default.
inline secret read_token(toml_reader& table, std::string_view name,
                         const std::optional<secret>& default_token, std::string_view instance) {
  if (auto token = read_given_token(table, "token")) return std::move(*token);
  if (default_token) return *default_token;
  if (!has_secret(table, "token")) {
    table.reject("The token of service " + quote_key(name) + " is not set",
                 "add `token = \"...\"` here or `default_token = \"...\"` in [" +
                     std::string(instance) + ']');
  }
  return {};
}

/// Reads a number from `least` to `most`; returns `fallback` if the key is absent.
inline std::size_t read_count(toml_reader& table, std::string_view key, std::size_t fallback,
                              std::int64_t least, std::int64_t most) {
  return table.integer<std::size_t>(key, least, most).value_or(fallback);
}

/// Reads a `pool` table, if there is one; its keys override `base`.
inline pool_options read_pool(std::optional<toml_reader> table, pool_options base) {
  if (!table) return base;
  base.size = read_count(*table, "size", base.size, 0, limits::channels);
  const auto max_size = table->integer<std::size_t>("max_size", 0, limits::channels);
  base.max_size = max_size.value_or(base.max_size);
  base.max_idle = read_count(*table, "max_idle", base.max_idle, 1, limits::channels);
  base.visitor_timeout = read_seconds(*table, "visitor_timeout", base.visitor_timeout, 1);
  base.max_waiting_visitors = read_count(*table, "max_waiting_visitors", base.max_waiting_visitors,
                                         1, limits::waiting_visitors);
  table->finish();
  if (base.size > base.max_idle) {
    table->reject("`size` " + std::to_string(base.size) + " is more than `max_idle` " +
                      std::to_string(base.max_idle),
                  "raise `max_idle` or lower `size`");
  } else if (max_size && (*max_size < base.size || *max_size > base.max_idle)) {
    table->reject("`max_size` " + std::to_string(*max_size) + " is not between `size` " +
                      std::to_string(base.size) + " and `max_idle` " +
                      std::to_string(base.max_idle),
                  "choose a number between them, or leave it out");
  }
  return base;
}

/// Reports a UDP service whose own `pool` table does not give it 1 to `limits::udp_channels` data
/// channels. The limit is low because all of them are in use all the time.
inline void check_udp_pool(const toml_reader& service, const pool_options& pool) {
  constexpr auto most = static_cast<std::size_t>(limits::udp_channels);
  if (pool.size >= 1 && pool.size <= most) return;
  service.reject("pool", "a UDP service has 1 to " + std::to_string(most) + " data channels",
                 "give `size` such a value");
}

/// Reads a `udp` table of one side, if there is one; its keys override `base`.
inline udp_options read_udp(std::optional<toml_reader> table, udp_options base, side of) {
  if (!table) return base;
  base.idle_timeout = read_seconds(*table, "idle_timeout", base.idle_timeout, 1);
  base.max_visitors =
      read_count(*table, "max_visitors", base.max_visitors, 1, limits::udp_visitors);
  base.queue_size =
      read_count(*table, "queue_size", base.queue_size, limits::min_udp_queue, limits::udp_queue);
  if (of == side::client) {
    base.answers_from_any_port =
        table->boolean("answers_from_any_port").value_or(base.answers_from_any_port);
  }
  table->finish();
  return base;
}

/// Reads the timeouts of forwarded connections into `out`, whose present values are the defaults.
template <class Forwards>
void read_forward_timeouts(toml_reader& table, Forwards& out) {
  out.idle_timeout = read_seconds(table, "idle_timeout", out.idle_timeout, 0);
  out.half_close_timeout = read_seconds(table, "half_close_timeout", out.half_close_timeout, 1);
}

}  // namespace detail

/// Reads the table `[client]`. Problems go to the log of `table`.
inline client read_client(toml_reader table) {
  client out;
  detail::read_servers(table, out);
  out.prefer_ipv6 = table.boolean("prefer_ipv6").value_or(false);
  const auto default_token = detail::read_default_token(table);
  out.heartbeat_timeout = read_seconds(table, "heartbeat_timeout", out.heartbeat_timeout, 0);
  const auto retry_interval = read_seconds(table, "retry_interval", defaults::retry_interval, 0);
  out.connect_timeout = read_seconds(table, "connect_timeout", out.connect_timeout, 1);
  out.max_retries = table.integer<std::size_t>("max_retries", 0, limits::retries);
  out.handshake_timeout = read_seconds(table, "handshake_timeout", out.handshake_timeout, 1);
  out.shutdown_grace = read_seconds(table, "shutdown_grace", out.shutdown_grace, 0);
  out.shutdown_idle_timeout =
      read_seconds(table, "shutdown_idle_timeout", out.shutdown_idle_timeout, 0);
  out.max_dials = detail::read_count(table, "max_dials", out.max_dials, 1, limits::channels);
  out.max_forwards =
      detail::read_count(table, "max_forwards", out.max_forwards, 1, limits::forwards);
  out.workers = detail::read_count(table, "workers", out.workers, 0, limits::workers);
  out.ready_timeout = read_seconds(table, "ready_timeout", out.ready_timeout, 0);
  client_service common;
  detail::read_forward_timeouts(table, common);
  common.udp = detail::read_udp(table.table("udp"), {}, side::client);
  out.transport = read_transport(table, side::client);
  detail::check_servers(table, out);
  if (auto admin = table.table("admin")) out.admin = read_admin(std::move(*admin));

  if (!table.contains("services") && !(out.admin && out.admin->services_dir)) {
    table.missing("services", "add `[client.services]`, which may be empty");
  }
  if (auto services = table.table("services")) {
    detail::range_expansion ranges(*services);
    services->for_each_table([&](std::string_view name, toml_reader entry) {
      client_service& service = out.services.emplace_back(common);
      service.name = name;
      const auto type = detail::read_service_type(entry);
      service.kind = type.kind;
      const auto ranged = detail::read_ranged(entry, "local_addr", type.addresses, true);
      detail::read_local_service(entry, service, ranged, type.addresses);
      const auto server_ports = detail::read_server_ports(entry, ranged);
      if (type.kind == service_kind::udp) {
        detail::check_udp_address(entry, "local_addr", service.local_addr);
        if (entry.contains("connect_timeout")) {
          entry.warn("connect_timeout", "only TCP services use this key", "remove it");
        }
      }
      service.token = detail::read_token(entry, name, default_token, table.path());
      service.nodelay = entry.boolean("nodelay");
      service.retry_interval = read_seconds(entry, "retry_interval", retry_interval, 0);
      service.prefer_ipv6 = entry.boolean("prefer_ipv6").value_or(out.prefer_ipv6);
      service.connect_timeout = read_seconds(entry, "connect_timeout", out.connect_timeout, 1);
      detail::read_forward_timeouts(entry, service);
      service.udp = detail::read_udp(entry.table("udp"), common.udp, side::client);
      entry.finish();
      if (server_ports) {
        ranges.replace_last(out.services, entry, "local_addr", *ranged->ports, *server_ports);
      }
    });
    ranges.finish(out.services);
  }
  table.finish();
  return out;
}

/// Reads the table `[server]`. Problems go to the log of `table`.
inline server read_server(toml_reader table) {
  server out;
  std::vector<detail::listener> listeners;
  const auto add_listeners = [&](const toml_reader& reader, const address_list& where, bool is_udp,
                                 bool is_ranged = false) {
    const position at = reader.where("bind_addr");
    const std::string key = reader.path_of("bind_addr");
    for (const address& each : where) listeners.push_back({each, is_udp, at, key, is_ranged});
  };

  out.bind_addr =
      detail::read_permissions(table, read_addresses(table, "bind_addr", "0.0.0.0:2333"));
  add_listeners(table, out.bind_addr, false);
  const auto default_token = detail::read_default_token(table);
  out.heartbeat_interval = read_seconds(table, "heartbeat_interval", out.heartbeat_interval, 0);
  out.handshake_timeout = read_seconds(table, "handshake_timeout", out.handshake_timeout, 1);
  out.max_handshakes =
      detail::read_count(table, "max_handshakes", out.max_handshakes, 1, limits::handshakes);
  out.max_handshakes_per_address = detail::read_count(
      table, "max_handshakes_per_address", out.max_handshakes_per_address, 1, limits::handshakes);
  out.workers = detail::read_count(table, "workers", out.workers, 0, limits::workers);
  out.shutdown_grace = read_seconds(table, "shutdown_grace", out.shutdown_grace, 0);
  out.shutdown_idle_timeout =
      read_seconds(table, "shutdown_idle_timeout", out.shutdown_idle_timeout, 0);
  detail::read_trusted_proxies(table, out);
  out.access = detail::read_access_list(table);
  const auto pool_table = table.table("pool");
  const pool_options tcp_pool = detail::read_pool(pool_table, {});
  pool_options udp_pool = tcp_pool;
  if (!pool_table || !pool_table->contains("size")) udp_pool.size = defaults::udp_pool_size;
  udp_pool.size =
      std::clamp(udp_pool.size, std::size_t{1}, static_cast<std::size_t>(limits::udp_channels));
  server_service common;
  detail::read_forward_timeouts(table, common);
  common.udp = detail::read_udp(table.table("udp"), {}, side::server);
  out.transport = read_transport(table, side::server);
  if (auto admin = table.table("admin")) {
    const position at = admin->where("bind_addr");
    const std::string key = admin->path_of("bind_addr");
    out.admin = read_admin(std::move(*admin));
    const auto where = parse_address(out.admin->bind_addr);
    if (where) listeners.push_back({*where, false, at, key});
  }

  if (!table.contains("services") && !(out.admin && out.admin->services_dir)) {
    table.missing("services", "add `[server.services]`, which may be empty");
  }
  if (auto services = table.table("services")) {
    detail::range_expansion ranges(*services);
    services->for_each_table([&](std::string_view name, toml_reader entry) {
      server_service& service = out.services.emplace_back(common);
      service.name = name;
      const auto [kind, addresses, is_wrong] = detail::read_service_type(entry);
      service.kind = kind;
      const auto ranged = detail::read_ranged(entry, "bind_addr", addresses, true);
      service.bind_addr =
          ranged ? ranged->where : read_addresses(entry, "bind_addr", "0.0.0.0:8080", addresses);
      service.token = detail::read_token(entry, name, default_token, table.path());
      service.nodelay = entry.boolean("nodelay");
      const bool is_udp = kind == service_kind::udp;
      if (is_udp) detail::check_udp_address(entry, "bind_addr", service.bind_addr);
      service.bind_addr = detail::read_permissions(entry, service.bind_addr);
      service.pool = detail::read_pool(entry.table("pool"), is_udp ? udp_pool : tcp_pool);
      if (is_udp) detail::check_udp_pool(entry, service.pool);
      detail::read_forward_timeouts(entry, service);
      service.udp = detail::read_udp(entry.table("udp"), common.udp, side::server);
      detail::read_sent_header(entry, service, !is_wrong);
      detail::read_trusted_proxies(entry, service);
      if (is_udp && service.accept_proxy_protocol) {
        entry.reject("accept_proxy_protocol", "for TCP services only", "remove it");
      }
      detail::read_visitor_admission(entry, service);
      detail::read_bandwidth_limit(entry, service);
      detail::read_several_clients(entry, service);
      entry.finish();
      const auto first = out.services.size() - 1;
      const bool has_range = ranged && ranged->ports;
      if (has_range) {
        ranges.replace_last(out.services, entry, "bind_addr", *ranged->ports, *ranged->ports);
      }
      // A listener of the other kind would not conflict with the same ones.
      for (std::size_t i = first; !is_wrong && i < out.services.size(); ++i) {
        add_listeners(entry, out.services[i].bind_addr, is_udp, has_range);
      }
    });
    ranges.finish(out.services);
  }
  table.finish();
  detail::check_listeners(std::move(listeners), table.log());
  return out;
}

}  // namespace rathole::config
