#pragma once

#include <rathole/config/key.hpp>
#include <rathole/config/loops.hpp>
#include <rathole/config/source.hpp>
#include <rathole/config/toml_reader.hpp>
#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>

#include <algorithm>
#include <chrono>
#include <span>
#include <string>
#include <string_view>

namespace rathole::config::detail {

/// Warns of each of `keys` that `table` has, because they belong to the other side.
inline void warn_of_other_side(const toml_reader& table, std::span<const std::string_view> keys,
                               side where) {
  const std::string here = where == side::server ? "a server" : "a client";
  for (const std::string_view key : keys) {
    if (table.contains(key)) {
      table.warn(key, here + " does not use this key", "remove it, or move it to the other side");
    }
  }
}

/// Warns of the keys of multiplexing in the `transport` table of a server.
inline void warn_of_multiplexing(const toml_reader& table) {
  for (const std::string_view key : {"multiplex", "connections"}) {
    if (!table.contains(key)) continue;
    table.warn(key, "a server does not use this key: it accepts both kinds of clients",
               "remove it, or move it to the client");
  }
}

/// Warns of everything in a `transport` table that `value`, which was read from it, does not use.
inline void warn_of_unused(toml_reader& table, const transport& value, side where) {
  constexpr std::string_view of_client[] = {"hostname", "trusted_root", "trusted_root_only"};
  constexpr std::string_view of_server[] = {"pkcs12", "pkcs12_password", "pkcs12_password_file",
                                            "cert", "key"};
  constexpr std::string_view of_upgrade[] = {"host", "headers"};
  constexpr std::string_view of_dial[] = {"proxy"};
  const bool is_websocket = value.kind == transport_kind::websocket;
  const bool lacks_tls = is_websocket && value.websocket && !value.websocket->tls;
  const std::string type = "`type` is `" + std::string(name_of(value.kind)) + '`';
  const auto check = [&](std::string_view name, bool is_used, const std::string& why) {
    if (!table.contains(name)) return false;
    if (is_used) return true;
    table.warn(name, "this table is not used: " + why,
               "remove it, or choose the transport that it is for");
    return false;
  };
  const bool is_over_tls = value.kind == transport_kind::tls || (is_websocket && !lacks_tls);
  if (check("tls", is_over_tls, lacks_tls ? "`websocket.tls` is `false`" : type) && value.tls) {
    const auto tls = table.table("tls");
    if (where == side::server) warn_of_other_side(*tls, of_client, where);
    if (where == side::client) warn_of_other_side(*tls, of_server, where);
  }
  check("noise", value.kind == transport_kind::noise, type);
  const bool has_websocket = check("websocket", is_websocket, type);
  if (where == side::client) return;
  if (value.tcp.proxy) warn_of_other_side(*table.table("tcp"), of_dial, where);
  if (!has_websocket || !value.websocket) return;
  warn_of_other_side(*table.table("websocket"), of_upgrade, where);
}

/// Warns if the client's heartbeat timeout is not longer than the server's heartbeat interval in
/// the same file, because the client would then drop a server that is alive.
inline void warn_of_heartbeats(const server& listens, const client& dials, problem_log& log) {
  const bool is_silent = listens.heartbeat_interval == milliseconds(0);
  const bool is_late = is_silent || listens.heartbeat_interval >= dials.heartbeat_timeout;
  if (dials.heartbeat_timeout == milliseconds(0) || !is_late) return;
  const auto text = [](milliseconds time) {
    return std::to_string(std::chrono::duration_cast<seconds>(time).count()) + " s";
  };
  const std::string_view keys[] = {"client.heartbeat_timeout", "server.heartbeat_interval"};
  const bool has_timeout = log.origin().find(keys[0]) != nullptr;
  const std::string key(has_timeout ? keys[0] : keys[1]);
  const position* at = log.origin().find(key);
  const std::string interval =
      is_silent ? "0, which sends no heartbeats" : text(listens.heartbeat_interval);
  log.warn(at ? *at : position{}, key,
           "`client.heartbeat_timeout` (" + text(dials.heartbeat_timeout) +
               ") is not above `server.heartbeat_interval` (" + interval + ')',
           "raise the timeout or lower the interval; a timeout of 0 waits without end");
}

/// Warns if the two sides of a file seem to be meant for each other and have different transports.
inline void warn_of_transports(const server& listens, const client& dials, problem_log& log) {
  const auto reaches = [&](const address& each) {
    const auto& servers = dials.remote_addr;
    return std::ranges::find(servers, each.port, &address::port) != servers.end();
  };
  if (listens.transport.kind == dials.transport.kind) return;
  if (std::ranges::none_of(listens.bind_addr, reaches)) return;
  const std::string key = "client.remote_addr";
  const position* at = log.origin().find(key);
  log.warn(at ? *at : position{}, key,
           "the transport of `[server]` is `" + std::string(name_of(listens.transport.kind)) +
               "` and that of `[client]` is `" + std::string(name_of(dials.transport.kind)) + '`',
           "give both sides the same `transport.type`, unless they are not meant for each other");
}

/// Warns if a service of the client leads back to a service of the server in the same file.
inline void warn_of_loops(const server& listens, const client& dials, problem_log& log) {
  for (const auto& [from, to] : loops_of(dials, listens)) {
    const std::string key = key_path(key_path("client.services", from->name), "local_addr");
    const std::string target = key_path("server.services", to->name);
    const position* at = log.origin().find(key);
    log.warn(at ? *at : position{}, key,
             "this is `" + target + ".bind_addr`: each visitor would cause another one",
             "name the address of the local service itself");
    // The other ports of a range are at the same place.
    if (at) log.add_no_more(*at);
  }
}

}  // namespace rathole::config::detail
