#pragma once

#include <rathole/admin/json.hpp>
#include <rathole/admin/object_writer.hpp>
#include <rathole/admin/service_config_json.hpp>
#include <rathole/config/types.hpp>
#include <rathole/config/url.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/base64.hpp>
#include <rathole/core/secret.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

namespace rathole::admin {

namespace detail {

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
      .add("keepalive_secs", std::chrono::milliseconds(of.tcp.keepalive_secs))
      .add("keepalive_interval", std::chrono::milliseconds(of.tcp.keepalive_interval))
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
