#pragma once

#include <rathole/config/health_check.hpp>
#include <rathole/config/limits.hpp>
#include <rathole/config/toml_port_ranges.hpp>
#include <rathole/config/toml_reader.hpp>
#include <rathole/config/toml_values.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/address_list.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::config::detail {

/// Reads the `local_addr` of a service: an address, or a list of different ones. `ranged` are the addresses
/// if they have ranges of ports.
inline address_list read_local_addresses(toml_reader& table,
                                         const std::optional<ranged_addresses>& ranged,
                                         address_form form) {
  constexpr std::string_view key = "local_addr";
  address_list out =
      ranged ? ranged->where
             : read_addresses(table, key, "127.0.0.1:80", form, limits::local_addresses);
  if (out.size() > limits::local_addresses) {
    table.reject(key, "too many addresses",
                 "name at most " + std::to_string(limits::local_addresses));
  }
  for (auto each = out.begin(); each != out.end(); ++each) {
    if (each->host.empty()) continue;
    if (!each->is_unix() && each->port == 0) {
      table.warn(key, "nothing can be reached at port 0", "name the port");
    }
    const auto first = std::find(out.begin(), each, *each);
    if (first == each) continue;
    table.reject(key,
                 "entry " + std::to_string(each - out.begin() + 1) +
                     " is the same address as entry " + std::to_string(first - out.begin() + 1),
                 "remove one");
  }
  return out;
}

/// Reads `health_check`: `"tcp"`, `"http"`, or a table.
inline std::optional<health_check> read_health_check(toml_reader& table) {
  constexpr std::string_view key = "health_check";
  static constexpr std::array<spelling<health_check_kind>, 2> kinds = {
      {{"tcp", health_check_kind::tcp}, {"http", health_check_kind::http}}};
  table.allow(key);
  if (!table.contains(key)) return std::nullopt;
  health_check out;
  if (!table.is_table(key) && !table.is_string(key)) {
    table.reject_type(key, "a string or a table",
                      "write `\"tcp\"`, `\"http\"`, or a table like `{ type = \"http\", path = "
                      "\"/health\" }`");
    return std::nullopt;
  }
  if (!table.is_table(key)) {
    out.kind = read_enum(table, key, kinds).value_or(out.kind);
    return out;
  }
  toml_reader parts = *table.table(key);
  const auto kind = read_enum(parts, "type", kinds);
  out.kind = kind.value_or(out.kind);
  if (!parts.contains("type")) parts.missing("type", "add `type = \"tcp\"` or `type = \"http\"`");
  if (auto path = parts.string("path")) {
    if (kind == health_check_kind::tcp) {
      parts.reject("path", "only a check of the type `http` has a path", "remove it");
    } else if (!is_request_path(*path) || path->size() > limits::health_check_path) {
      parts.reject("path", "not the path of an HTTP request", "write it like `/health`");
    }
    out.path = std::move(*path);
  }
  out.interval = read_seconds(parts, "interval", out.interval, 1);
  out.timeout = read_seconds(parts, "timeout", out.timeout, 1);
  const auto read_checks = [&parts](std::string_view name, std::size_t fallback) {
    return parts.integer<std::size_t>(name, 1, limits::health_checks).value_or(fallback);
  };
  out.fall = read_checks("fall", out.fall);
  out.rise = read_checks("rise", out.rise);
  parts.finish();
  return out;
}

/// Reads the addresses of the local service of `out`, whose kind must be known, and how they are chosen.
inline void read_local_service(toml_reader& table, client_service& out,
                               const std::optional<ranged_addresses>& ranged, address_form form) {
  static constexpr std::array<spelling<local_strategy>, 2> strategies = {
      {{"round_robin", local_strategy::round_robin}, {"failover", local_strategy::failover}}};
  out.local_addr = read_local_addresses(table, ranged, form);
  const auto strategy = read_enum(table, "strategy", strategies);
  out.strategy = strategy.value_or(out.strategy);
  out.check = read_health_check(table);
  if (out.kind == service_kind::udp) {
    if (out.local_addr.size() > 1) {
      table.reject("local_addr", "a UDP service has one local address", "name one address");
    }
    if (out.check) table.reject("health_check", "for TCP services only", "remove it");
    if (strategy) table.warn("strategy", "only TCP services use this key", "remove it");
    return;
  }
  // The address is empty if the value is wrong: how many there are meant to be is not known.
  if (strategy && out.local_addr.size() == 1 && !out.local_addr.front().host.empty()) {
    table.warn("strategy", "there is only one local address to choose",
               "name more addresses in `local_addr`, or remove it");
  }
}

}  // namespace rathole::config::detail
