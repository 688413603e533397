#pragma once

#include <rathole/admin/json.hpp>
#include <rathole/config/types.hpp>
#include <rathole/config/url.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/access_list.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/core/bandwidth_limit.hpp>
#include <rathole/core/base64.hpp>
#include <rathole/core/byte_rate.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/core/ip_network.hpp>
#include <rathole/core/secret.hpp>
#include <rathole/core/socket_permissions.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace rathole::admin {

namespace detail {

inline json to_json(const secret& value) { return value.empty() ? json("") : json(masked); }
inline json to_json(const address& value) { return to_string(value); }
inline json to_json(std::chrono::milliseconds value) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(value);
  return seconds == value ? json(seconds.count())
                          : json(std::chrono::duration<double>(value).count());
}
inline json to_json(const address_list& value) {
  json out = json::array();
  for (const address& each : value) out.push_back(to_json(each));
  return out.size() == 1 ? out.front() : out;
}
inline json to_json(const std::vector<ip_network>& value) {
  json out = json::array();
  for (const ip_network& each : value) out.push_back(to_string(each));
  return out;
}
template <class T>
  requires std::is_arithmetic_v<T> || std::is_same_v<T, std::string>
json to_json(const T& value) {
  return value;
}

/// Adds the members of an object one by one.
class object_writer {
 public:
  /// Adds the member `key`, unless `value` is an `std::optional` without a value.
  template <class T>
  object_writer& add(const char* key, const T& value) {
    if constexpr (requires { value.has_value(); }) {
      if (value) out_[key] = to_json(*value);
    } else {
      out_[key] = to_json(value);
    }
    return *this;
  }
  /// Adds the member `key` with the object `value`.
  object_writer& add_object(const char* key, json value) {
    out_[key] = std::move(value);
    return *this;
  }
  /// Returns the object.
  json take() { return std::move(out_); }

 private:
  json out_ = json::object();
};

inline std::chrono::milliseconds milliseconds_of(std::chrono::milliseconds value) { return value; }

inline const char* type_of(config::service_kind kind) {
  return kind == config::service_kind::udp ? "udp" : "tcp";
}

inline json udp_json(const config::udp_options& of, bool is_client) {
  object_writer out;
  out.add("idle_timeout", of.idle_timeout)
      .add("max_visitors", of.max_visitors)
      .add("queue_size", of.queue_size);
  if (is_client) out.add("answers_from_any_port", of.answers_from_any_port);
  return out.take();
}

/// Adds the proxies through which connections may come, if there are any.
template <class Settings>
void add_trusted_proxies(object_writer& to, const Settings& of) {
  if (!of.accept_proxy_protocol) return;
  to.add("accept_proxy_protocol", true).add("trusted_proxies", of.trusted_proxies);
}

/// Adds the permissions of the Unix-domain sockets of `where` that have a file, if there are any.
inline void add_permissions(object_writer& to, const address_list& where) {
  const auto found = std::ranges::find_if(where, &address::has_socket_file);
  if (found == where.end()) return;
  const socket_permissions& of = found->permissions;
  std::string mode = "0";
  rathole::detail::append_number(mode, of.mode, 8);
  to.add("mode", mode);
  const auto text = [](const auto& id) { return id ? std::to_string(*id) : std::string(); };
  if (of.group) {
    to.add("owner", text(of.owner) + ':' + text(of.group));
  } else if (of.owner) {
    to.add("owner", text(of.owner));
  }
}

/// Adds the networks that are accepted or refused, if there are any.
inline void add_access(object_writer& to, const access_list& of) {
  if (!of.allow.empty()) to.add("allow", of.allow);
  if (!of.deny.empty()) to.add("deny", of.deny);
}

/// Adds the limits on visitors that the service has.
inline void add_limits(object_writer& to, const config::server_service& of) {
  to.add("max_connections", of.max_connections)
      .add("max_connections_per_address", of.max_connections_per_address);
  const auto& rate = of.new_connections_per_second;
  if (!rate) return;
  object_writer parts;
  parts.add("rate", rate->per_second).add("burst", rate->burst);
  to.add_object("new_connections_per_second", parts.take());
}

/// Adds the limits on the bandwidth, if there are any.
inline void add_bandwidth(object_writer& to, const bandwidth_limit& of) {
  if (of.empty()) return;
  object_writer parts;
  if (of.in) parts.add("in", byte_rate_text(*of.in));
  if (of.out) parts.add("out", byte_rate_text(*of.out));
  to.add_object("bandwidth_limit", parts.take());
}

/// Adds what happens when several clients want to serve the service, unless that is the usual.
inline void add_several_clients(object_writer& to, const config::server_service& of) {
  using config::conflict_policy;
  if (of.on_conflict == conflict_policy::replace) return;
  const bool has_several = of.on_conflict == conflict_policy::balance;
  to.add("on_conflict", std::string(has_several ? "balance" : "reject"));
  if (!has_several) return;
  to.add("max_clients", of.max_clients);
  if (of.affinity == config::client_affinity::source) to.add("affinity", std::string("source"));
}

inline json service_config(const config::server_service& of) {
  object_writer out;
  out.add("type", std::string(type_of(of.kind)))
      .add("bind_addr", of.bind_addr)
      .add("token", of.token)
      .add("nodelay", of.nodelay)
      .add("idle_timeout", of.idle_timeout)
      .add("half_close_timeout", of.half_close_timeout);
  object_writer pool;
  pool.add("size", of.pool.size)
      .add("max_size", of.pool.max_size)
      .add("max_idle", of.pool.max_idle)
      .add("visitor_timeout", of.pool.visitor_timeout)
      .add("max_waiting_visitors", of.pool.max_waiting_visitors);
  out.add_object("pool", pool.take());
  if (of.kind == config::service_kind::udp) out.add_object("udp", udp_json(of.udp, false));
  using proxy_protocol::version;
  if (of.proxy_protocol) {
    out.add("proxy_protocol", std::string(*of.proxy_protocol == version::v1 ? "v1" : "v2"));
  }
  if (of.kind == config::service_kind::udp && of.proxy_protocol) {
    const bool has_every = of.proxy_protocol_datagrams == config::datagram_headers::every;
    out.add("proxy_protocol_datagrams", std::string(has_every ? "every" : "first"));
  }
  add_permissions(out, of.bind_addr);
  add_trusted_proxies(out, of);
  add_access(out, of.access);
  add_limits(out, of);
  add_bandwidth(out, of.bandwidth);
  add_several_clients(out, of);
  return out.take();
}

inline json health_check_json(const config::health_check& of) {
  const bool is_http = of.kind == config::health_check_kind::http;
  object_writer out;
  out.add("type", std::string(is_http ? "http" : "tcp"));
  if (is_http) out.add("path", of.path);
  out.add("interval", of.interval).add("timeout", of.timeout);
  out.add("fall", of.fall).add("rise", of.rise);
  return out.take();
}

inline json service_config(const config::client_service& of) {
  object_writer out;
  out.add("type", std::string(type_of(of.kind)))
      .add("local_addr", of.local_addr)
      .add("token", of.token)
      .add("nodelay", of.nodelay)
      .add("retry_interval", of.retry_interval)
      .add("connect_timeout", of.connect_timeout)
      .add("prefer_ipv6", of.prefer_ipv6)
      .add("idle_timeout", of.idle_timeout)
      .add("half_close_timeout", of.half_close_timeout);
  if (of.local_addr.size() > 1) {
    const bool is_failover = of.strategy == config::local_strategy::failover;
    out.add("strategy", std::string(is_failover ? "failover" : "round_robin"));
  }
  if (of.check) out.add_object("health_check", health_check_json(*of.check));
  if (of.kind == config::service_kind::udp) out.add_object("udp", udp_json(of.udp, true));
  return out.take();
}

template <class Service>
json services_config(const std::vector<Service>& of) {
  json out = json::object();
  for (const Service& each : of) out[each.name] = service_config(each);
  return out;
}

inline json tls_json(const config::tls_options& of, config::side side) {
  static constexpr const char* engines[] = {"auto", "botan", "openssl"};
  object_writer out;
  if (side == config::side::client) {
    out.add("hostname", of.hostname)
        .add("trusted_root", of.trusted_root)
        .add("trusted_root_only", of.trusted_root_only);
  } else {
    out.add("pkcs12", of.pkcs12)
        .add("pkcs12_password", of.pkcs12_password)
        .add("cert", of.cert)
        .add("key", of.key);
  }
  out.add("engine", std::string(engines[static_cast<std::size_t>(of.engine)]))
      .add("half_close_timeout", of.half_close_timeout);
  return out.take();
}

inline json noise_json(const config::noise_options& of) {
  object_writer out;
  out.add("pattern", of.pattern).add("local_private_key", of.local_private_key);
  if (of.remote_public_key)
    out.add("remote_public_key", to_base64(byte_view(*of.remote_public_key)));
  out.add("engine", std::string(of.engine == config::noise_engine::openssl ? "openssl" : "botan"));
  return out.take();
}

inline json websocket_json(const config::websocket_options& of, config::side side) {
  object_writer out;
  out.add("tls", of.tls).add("path", of.path);
  if (side == config::side::client) {
    out.add("host", of.host);
    json headers = json::object();
    for (const auto& [name, value] : of.headers) headers[name] = to_json(value);
    out.add_object("headers", std::move(headers));
  }
  out.add("ping_interval", of.ping_interval);
  return out.take();
}

inline json transport_json(const config::transport& of, config::side side) {
  object_writer out;
  out.add("type", std::string(config::name_of(of.kind)));
  object_writer tcp;
  tcp.add("nodelay", of.tcp.nodelay)
      .add("keepalive_secs", milliseconds_of(of.tcp.keepalive_secs))
      .add("keepalive_interval", milliseconds_of(of.tcp.keepalive_interval))
      .add("user_timeout", of.tcp.user_timeout);
  if (side == config::side::client) {
    if (of.tcp.proxy) tcp.add("proxy", config::to_string(*of.tcp.proxy));
    out.add("multiplex", of.multiplex).add("connections", of.connections);
  }
  out.add_object("tcp", tcp.take());
  if (of.tls) out.add_object("tls", tls_json(*of.tls, side));
  if (of.noise) out.add_object("noise", noise_json(*of.noise));
  if (of.websocket) out.add_object("websocket", websocket_json(*of.websocket, side));
  return out.take();
}

inline json admin_json(const config::admin_options& of) {
  object_writer out;
  out.add("bind_addr", of.bind_addr)
      .add("token", of.token)
      .add("metrics_token", of.metrics_token)
      .add("services_dir", of.services_dir)
      .add("dashboard", of.dashboard)
      .add("allow_plaintext", of.allow_plaintext);
  out.add_object("hosts", json(of.hosts));
  if (of.cert) {
    object_writer tls;
    tls.add("cert", of.cert).add("key", of.key);
    out.add_object("tls", tls.take());
  }
  return out.take();
}

}  // namespace detail

/// Returns the settings of a server with all defaults, as JSON of the form of a file, with `masked` in
/// the place of secrets.
inline json config_json(const config::server& of) {
  detail::object_writer out;
  out.add("bind_addr", of.bind_addr)
      .add("heartbeat_interval", of.heartbeat_interval)
      .add("handshake_timeout", of.handshake_timeout)
      .add("max_handshakes", of.max_handshakes)
      .add("max_handshakes_per_address", of.max_handshakes_per_address)
      .add("shutdown_grace", of.shutdown_grace)
      .add("shutdown_idle_timeout", of.shutdown_idle_timeout)
      .add("workers", of.workers);
  detail::add_permissions(out, of.bind_addr);
  detail::add_trusted_proxies(out, of);
  detail::add_access(out, of.access);
  out.add_object("transport", detail::transport_json(of.transport, config::side::server));
  if (of.admin) out.add_object("admin", detail::admin_json(*of.admin));
  out.add_object("services", detail::services_config(of.services));
  return {{"server", out.take()}};
}

/// Returns the settings of a client, as for a server.
inline json config_json(const config::client& of) {
  detail::object_writer out;
  out.add("remote_addr", of.remote_addr);
  if (of.remote_addr.size() > 1) out.add("strategy", std::string(config::name_of(of.strategy)));
  out.add("prefer_ipv6", of.prefer_ipv6)
      .add("heartbeat_timeout", of.heartbeat_timeout)
      .add("connect_timeout", of.connect_timeout)
      .add("max_retries", of.max_retries)
      .add("handshake_timeout", of.handshake_timeout)
      .add("shutdown_grace", of.shutdown_grace)
      .add("shutdown_idle_timeout", of.shutdown_idle_timeout)
      .add("max_dials", of.max_dials)
      .add("max_forwards", of.max_forwards)
      .add("workers", of.workers)
      .add("ready_timeout", of.ready_timeout);
  out.add_object("transport", detail::transport_json(of.transport, config::side::client));
  if (of.admin) out.add_object("admin", detail::admin_json(*of.admin));
  out.add_object("services", detail::services_config(of.services));
  return {{"client", out.take()}};
}

}  // namespace rathole::admin
