#pragma once

#include <rathole/admin/json.hpp>
#include <rathole/admin/object_writer.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/access_list.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/core/bandwidth_limit.hpp>
#include <rathole/core/byte_rate.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/core/ip_network.hpp>
#include <rathole/core/socket_permissions.hpp>

#include <algorithm>
#include <string>
#include <vector>

// The settings of services with all defaults, as JSON of the form of a file.

namespace rathole::admin::detail {

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

}  // namespace rathole::admin::detail
