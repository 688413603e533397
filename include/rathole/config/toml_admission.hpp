#pragma once

#include <rathole/config/limits.hpp>
#include <rathole/config/toml_networks.hpp>
#include <rathole/config/toml_reader.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/access_list.hpp>
#include <rathole/core/connection_rate.hpp>
#include <rathole/core/ip_network.hpp>
#include <rathole/core/ip_network_set.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::config::detail {

/// Returns the networks of `from` that `is_wanted` returns true for, as texts for `name_some`.
template <class Wanted>
std::vector<std::string> names_of(const std::vector<ip_network>& from, Wanted is_wanted) {
  std::vector<std::string> out;
  for (const ip_network& each : from) {
    if (is_wanted(each)) out.push_back('`' + to_string(each) + '`');
  }
  return out;
}

/// Reads `allow` and `deny`, and warns of networks that have no effect.
inline access_list read_access_list(toml_reader& table) {
  access_list out;
  out.allow = read_networks(table, "allow");
  out.deny = read_networks(table, "deny");
  if (out.allow.empty() || out.deny.empty()) return out;
  const ip_network_set allow(out.allow);
  const ip_network_set deny(out.deny);
  const auto denied =
      names_of(out.allow, [&deny](const ip_network& each) { return deny.covers(each); });
  const auto needless =
      names_of(out.deny, [&allow](const ip_network& each) { return !allow.overlaps(each); });
  if (!denied.empty()) {
    table.warn("allow", "no address of " + name_some(denied) + " is accepted, because of `deny`",
               "remove it here or there");
  }
  if (!needless.empty()) {
    const bool is_one = needless.size() == 1;
    table.warn(
        "deny",
        name_some(needless) + (is_one ? " has no effect, because `allow` does not have it"
                                      : " have no effect, because `allow` does not have them"),
        is_one ? "remove it" : "remove them");
  }
  return out;
}

/// Reads a number from 1 to `limits::service_connections`.
inline std::optional<std::size_t> read_most(toml_reader& table, std::string_view key) {
  return table.integer<std::size_t>(key, 1, limits::service_connections);
}

/// Reads `new_connections_per_second`: the rate, or a table of `rate` and `burst`. The burst is the rate if it
/// is absent.
inline std::optional<connection_rate> read_connection_rate(toml_reader& table) {
  constexpr std::string_view key = "new_connections_per_second";
  const auto read = [](toml_reader& from, std::string_view name) {
    return from.integer<std::size_t>(name, 1, limits::connection_rate);
  };
  if (!table.is_table(key)) {
    const auto rate = read(table, key);
    if (!rate) return std::nullopt;
    return connection_rate{*rate, *rate};
  }
  auto parts = table.table(key);
  const auto rate = read(*parts, "rate");
  const auto burst = read(*parts, "burst");
  if (!parts->contains("rate")) parts->missing("rate", "add `rate = 10`, in connections a second");
  parts->finish();
  if (!rate) return std::nullopt;
  return connection_rate{*rate, burst.value_or(*rate)};
}

/// Reads which visitors the service `out` accepts. Its kind and its `udp` must be known.
inline void read_visitor_admission(toml_reader& table, server_service& out) {
  constexpr std::string_view total = "max_connections";
  constexpr std::string_view per_address = "max_connections_per_address";
  out.access = read_access_list(table);
  out.max_connections = read_most(table, total);
  out.max_connections_per_address = read_most(table, per_address);
  out.new_connections_per_second = read_connection_rate(table);
  const bool is_udp = out.kind == service_kind::udp;
  if (is_udp && table.contains(total)) {
    table.reject(total, "for TCP services only", "set `max_visitors` in the table `udp` instead");
  }
  const auto most = is_udp ? std::optional(out.udp.max_visitors) : out.max_connections;
  if (most && out.max_connections_per_address && *out.max_connections_per_address >= *most) {
    table.warn(per_address,
               is_udp ? "it has no effect, because it is not below `udp.max_visitors`"
                      : "it has no effect, because it is not below `max_connections`",
               "lower it, or remove it");
  }
}

}  // namespace rathole::config::detail
