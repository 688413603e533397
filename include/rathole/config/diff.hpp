#pragma once

#include <rathole/config/types.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace rathole::config {

/// The differences between the services of an instance and those before, by their names.
struct service_changes {
  /// The services that exist only now.
  std::vector<std::string> added = {};
  /// The services that existed only before.
  std::vector<std::string> removed = {};
  /// The services whose kind or token differs, so that client and server must authenticate again.
  std::vector<std::string> replaced = {};
  /// The services that differ in anything else; they keep their control channel.
  std::vector<std::string> changed = {};

  /// Returns whether no service differs.
  [[nodiscard]] bool empty() const {
    return added.empty() && removed.empty() && replaced.empty() && changed.empty();
  }

  /// Compares all members.
  [[nodiscard]] bool operator==(const service_changes&) const = default;
};

/// Returns whether a client that authenticated for the service `before` is also authenticated for
/// `now`: both have the same kind and token. Their names are not compared. A service that the program
/// serves itself is another one than one with a `local_addr`.
template <class Service>
bool same_service(const Service& before, const Service& now) {
  if constexpr (requires { now.in_process; }) {
    if (before.in_process != now.in_process) return false;
  }
  return before.kind == now.kind && before.token == now.token;
}

/// Compares the services of a client or of a server `before` and `now`.
template <class Service>
service_changes diff(const std::vector<Service>& before, const std::vector<Service>& now) {
  const auto by_name = [](const std::vector<Service>& of) {
    std::unordered_map<std::string_view, const Service*> out;
    for (const Service& each : of) out.emplace(each.name, &each);
    return out;
  };
  const auto was = by_name(before);
  const auto is = by_name(now);
  service_changes out;
  for (const Service& each : before) {
    if (!is.contains(each.name)) out.removed.push_back(each.name);
  }
  for (const Service& each : now) {
    const auto found = was.find(each.name);
    const Service* const old = found == was.end() ? nullptr : found->second;
    if (!old) {
      out.added.push_back(each.name);
    } else if (!same_service(*old, each)) {
      out.replaced.push_back(each.name);
    } else if (*old != each) {
      out.changed.push_back(each.name);
    }
  }
  return out;
}

namespace detail {

/// Returns the part of `value` that decides how connections are made: the tables of the selected
/// transport and the proxy. The other socket options are left out, because they can be set on the
/// next connection.
inline transport stream_settings(transport value) {
  const bool is_websocket = value.kind == transport_kind::websocket;
  const bool over_tls = is_websocket && value.websocket && value.websocket->tls;
  if (value.kind != transport_kind::tls && !over_tls) value.tls.reset();
  if (value.kind != transport_kind::noise) value.noise.reset();
  if (!is_websocket) value.websocket.reset();
  if (!value.multiplex) value.connections = defaults::connections;
  tcp_options only_proxy;
  only_proxy.proxy = value.tcp.proxy;
  value.tcp = only_proxy;
  return value;
}

}  // namespace detail

/// Returns whether a server accepts connections in the same way with both configurations.
inline bool same_transport(const server& before, const server& now) {
  transport old_part = detail::stream_settings(before.transport);
  transport new_part = detail::stream_settings(now.transport);
  // A server uses no proxy, and accepts both kinds of clients.
  for (transport* each : {&old_part, &new_part}) {
    each->tcp = {};
    each->multiplex = false;
    each->connections = defaults::connections;
  }
  return old_part == new_part;
}

/// Returns whether a client makes connections in the same way with both configurations, whatever the
/// servers are.
inline bool same_transport(const client& before, const client& now) {
  return detail::stream_settings(before.transport) == detail::stream_settings(now.transport);
}

}  // namespace rathole::config
