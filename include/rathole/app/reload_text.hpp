#pragma once

#include <rathole/app/log/logger.hpp>
#include <rathole/app/log/text.hpp>
#include <rathole/config/diff.hpp>
#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace rathole::app {

/// How long after its start a server names the services that no client serves.
inline constexpr std::chrono::seconds unserved_notice{60};

/// Logs that no client serves the services `names`, if there are any.
inline void warn_of_unserved(logger& log, const std::string& names) {
  if (names.empty()) return;
  log.write(log_level::warn, "rathole::server",
            "No client serves " + names +
                "; start a client that has them, or see its log for why it does not connect");
}

/// Says what becomes of connections when the program stops.
inline std::string grace_text(duration grace) {
  return "Open connections have " + to_text(grace) +
         " (`shutdown_grace`); a second signal cuts them at once";
}

/// The message that a file lost the block that the program runs.
template <class Block>
inline constexpr const char* missing_block_text =
    std::is_same_v<Block, config::server> ? "There is no `[server]` block any more"
                                          : "There is no `[client]` block any more";

/// Returns the first TCP service of `in_use` that listens where `wanted` listens for clients; null
/// if there is none.
inline const config::server_service* service_in_the_way(const config::server& in_use,
                                                        const config::server& wanted) {
  for (const config::server_service& service : in_use.services) {
    if (service.kind != config::service_kind::tcp) continue;
    for (const address& held : service.bind_addr) {
      const auto conflicts = [&held](const address& each) { return config::overlap(held, each); };
      if (std::ranges::any_of(wanted.bind_addr, conflicts)) return &service;
    }
  }
  return nullptr;
}

/// Says why the settings `wanted` could not replace the settings `in_use`.
template <class Block>
std::string reload_failure_text(const Block& in_use, const Block& wanted,
                                const std::error_code& error) {
  if constexpr (std::is_same_v<Block, config::server>) {
    const bool is_replaced = !config::same_transport(in_use, wanted);
    if (is_replaced && error == std::errc::address_in_use) {
      if (const auto* service = service_in_the_way(in_use, wanted)) {
        return "Failed to listen at `server.bind_addr` " + escaped(wanted.bind_addr) +
               ": the service " + escape(service->name) +
               " listens there until the change is complete, because the transport changes too; "
               "make two changes: first the addresses, then the transport";
      }
    }
  }
  return start_failure_text(wanted, error);
}

/// Returns the keys in which two settings of one service differ that can change without a new
/// control channel.
template <class Service>
std::string changed_keys(const Service& before, const Service& now) {
  std::string keys;
  const auto add = [&](const char* key, bool differs) {
    if (differs) keys.append(keys.empty() ? "" : ", ").append(key);
  };
  if constexpr (std::is_same_v<Service, config::server_service>) {
    const auto text = [](const address& each) { return to_string(each); };
    const bool is_moved = !std::ranges::equal(before.bind_addr, now.bind_addr, {}, text, text);
    add("bind_addr", is_moved);
    add("mode or owner", !is_moved && before.bind_addr != now.bind_addr);
    add("pool", before.pool != now.pool);
    add("proxy_protocol", before.proxy_protocol != now.proxy_protocol);
    add("proxy_protocol_datagrams",
        before.proxy_protocol_datagrams != now.proxy_protocol_datagrams);
    add("accept_proxy_protocol", before.accept_proxy_protocol != now.accept_proxy_protocol);
    add("trusted_proxies", before.trusted_proxies != now.trusted_proxies);
    add("allow", before.access.allow != now.access.allow);
    add("deny", before.access.deny != now.access.deny);
    add("max_connections", before.max_connections != now.max_connections);
    add("max_connections_per_address",
        before.max_connections_per_address != now.max_connections_per_address);
    add("new_connections_per_second",
        before.new_connections_per_second != now.new_connections_per_second);
    add("bandwidth_limit", before.bandwidth != now.bandwidth);
    add("on_conflict", before.on_conflict != now.on_conflict);
    add("max_clients", before.max_clients != now.max_clients);
    add("affinity", before.affinity != now.affinity);
  } else {
    add("local_addr", before.local_addr != now.local_addr);
    add("strategy", before.strategy != now.strategy);
    add("health_check", before.check != now.check);
    add("retry_interval", before.retry_interval != now.retry_interval);
    add("connect_timeout", before.connect_timeout != now.connect_timeout);
    add("prefer_ipv6", before.prefer_ipv6 != now.prefer_ipv6);
  }
  add("nodelay", before.nodelay != now.nodelay);
  add("idle_timeout", before.idle_timeout != now.idle_timeout);
  add("half_close_timeout", before.half_close_timeout != now.half_close_timeout);
  add("udp", before.udp != now.udp);
  return keys;
}

/// Returns one line for each change that is about to be applied. Compat: upstream's words, with the
/// names of the services in addition.
template <class Block>
std::vector<std::string> changes_text(const Block& before, const Block& now, bool is_replaced) {
  std::vector<std::string> lines;
  if (is_replaced) {
    lines.emplace_back("General configuration change detected. Restarting...");
    return lines;
  }
  const config::service_changes changes = config::diff(before.services, now.services);
  const std::pair<const char*, const std::vector<std::string>*> kinds[] = {
      {"deleted", &changes.removed},
      {"added", &changes.added},
      {"re-created", &changes.replaced},
      {"changed", &changes.changed}};
  for (const auto& [what, names] : kinds) {
    for (const std::string& name : *names) {
      std::string line = "Service change detected. " + escape(name) + ' ' + what;
      if (names == &changes.changed) {
        const auto is_it = [&name](const auto& each) { return each.name == name; };
        line += " (" +
                changed_keys(*std::ranges::find_if(before.services, is_it),
                             *std::ranges::find_if(now.services, is_it)) +
                ')';
      }
      lines.push_back(std::move(line));
    }
  }
  Block general = now;
  general.services = before.services;
  if (general != before) lines.emplace_back("General configuration change detected.");
  return lines;
}

}  // namespace rathole::app
