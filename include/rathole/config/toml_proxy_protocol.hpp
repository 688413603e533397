#pragma once

#include <rathole/config/toml_networks.hpp>
#include <rathole/config/toml_reader.hpp>
#include <rathole/config/toml_values.hpp>
#include <rathole/config/types.hpp>
#include <rathole/proxy_protocol/version.hpp>

#include <array>
#include <optional>
#include <string_view>

namespace rathole::config::detail {

/// Reads which header the local service of `out`, a service of a server, gets. `is_kind_known` says whether its kind
/// is the one that was meant; if not, there are no warnings of keys that only one kind has.
inline void read_sent_header(toml_reader& table, server_service& out, bool is_kind_known) {
  using proxy_protocol::version;
  static constexpr std::array<spelling<version>, 2> versions = {{
      {"v1", version::v1},
      {"v2", version::v2},
  }};
  static constexpr std::array<spelling<datagram_headers>, 2> datagrams = {{
      {"first", datagram_headers::first},
      {"every", datagram_headers::every},
  }};
  constexpr std::string_view key = "proxy_protocol";
  constexpr std::string_view of_upstream = "enable_proxy_protocol";
  constexpr std::string_view of_datagrams = "proxy_protocol_datagrams";
  const bool is_udp = out.kind == service_kind::udp;
  out.proxy_protocol = read_enum(table, "proxy_protocol", versions);
  const auto is_enabled = table.boolean("enable_proxy_protocol");
  if (is_enabled && table.contains(key)) {
    table.reject(of_upstream, "`proxy_protocol` is there too", "keep `proxy_protocol`");
  } else if (is_enabled && *is_enabled) {
    out.proxy_protocol = version::v1;
  }
  if (is_udp && out.proxy_protocol == version::v1) {
    table.reject(is_enabled ? of_upstream : key, "version 1 is for TCP only",
                 "write `proxy_protocol = \"v2\"`");
  }
  const auto which = read_enum(table, "proxy_protocol_datagrams", datagrams);
  out.proxy_protocol_datagrams = which.value_or(out.proxy_protocol_datagrams);
  if (!is_kind_known || !table.contains(of_datagrams)) return;
  if (!is_udp) {
    table.warn(of_datagrams, "only UDP services use this key", "remove it");
  } else if (!out.proxy_protocol && !table.contains(key)) {
    table.warn(of_datagrams, "without `proxy_protocol` no datagram gets a header",
               "remove it, or add `proxy_protocol = \"v2\"`");
  }
}

/// Reads which proxies connections may come through into `out`, a server or a service of one.
template <class Settings>
void read_trusted_proxies(toml_reader& table, Settings& out) {
  constexpr std::string_view key = "accept_proxy_protocol";
  constexpr std::string_view list = "trusted_proxies";
  const auto accepts = table.boolean("accept_proxy_protocol");
  out.accept_proxy_protocol = accepts.value_or(false);
  out.trusted_proxies = read_networks(table, "trusted_proxies");
  if (out.accept_proxy_protocol && !table.contains(list)) {
    table.reject(key, "without `trusted_proxies` anybody could claim any address",
                 "name the addresses of the proxies, such as `trusted_proxies = [\"10.0.0.7\"]`");
  } else if (!out.accept_proxy_protocol && table.contains(list) &&
             (accepts || !table.contains(key))) {
    table.warn(list, "without `accept_proxy_protocol = true` no header is read", "add it");
  }
}

}  // namespace rathole::config::detail
