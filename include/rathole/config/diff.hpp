#pragma once

#include <rathole/config/types.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace rathole::config {

/// How the services of an instance differ from those before, by their names.
struct service_changes {
  std::vector<std::string> added = {};
  std::vector<std::string> removed = {};
  /// Those whose kind or token differs: client and server have to agree anew.
  std::vector<std::string> renewed = {};
  /// Those that differ in anything else: the control channel stays.
  std::vector<std::string> changed = {};

  [[nodiscard]] bool empty() const {
    return added.empty() && removed.empty() && renewed.empty() && changed.empty();
  }

  [[nodiscard]] bool operator==(const service_changes&) const = default;
};

/// What became of `before`, the services of a client or of a server, in `now`.
template <class Service>
service_changes diff(const std::vector<Service>& before, const std::vector<Service>& now) {
  const auto find = [](const std::vector<Service>& among, const std::string& name) {
    const auto found = std::ranges::find(among, name, &Service::name);
    return found == among.end() ? nullptr : &*found;
  };
  service_changes out;
  for (const Service& each : before) {
    if (!find(now, each.name)) out.removed.push_back(each.name);
  }
  for (const Service& each : now) {
    const Service* const old = find(before, each.name);
    if (!old) {
      out.added.push_back(each.name);
    } else if (old->kind != each.kind || old->token != each.token) {
      out.renewed.push_back(each.name);
    } else if (*old != each) {
      out.changed.push_back(each.name);
    }
  }
  return out;
}

namespace detail {

/// What of `value` decides how connections are made: the tables of the selected transport, and of the
/// options of sockets, which can be set on the next connection, only the proxy.
inline transport carrying_part(transport value) {
  const bool is_websocket = value.kind == transport_kind::websocket;
  const bool over_tls = is_websocket && value.websocket && value.websocket->tls;
  if (value.kind != transport_kind::tls && !over_tls) value.tls.reset();
  if (value.kind != transport_kind::noise) value.noise.reset();
  if (!is_websocket) value.websocket.reset();
  tcp_options only_proxy;
  only_proxy.proxy = value.tcp.proxy;
  value.tcp = only_proxy;
  return value;
}

}  // namespace detail

/// Whether connections to the server are made in the same way before and now.
inline bool same_transport(const server& before, const server& now) {
  transport old_part = detail::carrying_part(before.transport);
  transport new_part = detail::carrying_part(now.transport);
  // A server has no use for a proxy.
  old_part.tcp = new_part.tcp = {};
  return old_part == new_part;
}

/// Whether connections of the client are made in the same way before and now. TLS and WebSocket know
/// the server by its name.
inline bool same_transport(const client& before, const client& now) {
  const bool names_server =
      now.transport.kind == transport_kind::tls || now.transport.kind == transport_kind::websocket;
  if (names_server && before.remote_addr != now.remote_addr) return false;
  return detail::carrying_part(before.transport) == detail::carrying_part(now.transport);
}

}  // namespace rathole::config
