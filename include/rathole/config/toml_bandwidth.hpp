#pragma once

#include <rathole/config/limits.hpp>
#include <rathole/config/toml_reader.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/bandwidth_limit.hpp>
#include <rathole/core/byte_rate.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace rathole::config::detail {

/// Reads a rate of bytes, such as `10 MiB/s`.
inline std::optional<std::uint64_t> read_byte_rate(toml_reader& table, std::string_view key) {
  const auto text = table.string(key);
  if (!text) return std::nullopt;
  const auto rate = parse_byte_rate(*text);
  if (!rate) {
    table.reject(key, "not a number of bytes in a second",
                 "write it like `10 MiB/s`, with B, KiB, MiB, GiB, kB, MB or GB");
    return std::nullopt;
  }
  if (*rate < limits::min_bandwidth || *rate > limits::max_bandwidth) {
    table.reject(key, "invalid value: the rate is out of range", "use 1 KiB/s to 1024 GiB/s");
    return std::nullopt;
  }
  return rate;
}

/// Reads `bandwidth_limit` of the service `out`, whose kind must be known: one rate for each direction, or a
/// table of `in` and `out`.
inline void read_bandwidth_limit(toml_reader& table, server_service& out) {
  constexpr std::string_view key = "bandwidth_limit";
  if (table.is_table(key)) {
    auto parts = table.table(key);
    out.bandwidth.in = read_byte_rate(*parts, "in");
    out.bandwidth.out = read_byte_rate(*parts, "out");
    parts->finish();
    if (!parts->contains("in") && !parts->contains("out")) {
      table.warn(key, "without `in` and `out` there is no limit", "add one of them");
    }
  } else {
    out.bandwidth.in = out.bandwidth.out = read_byte_rate(table, key);
  }
  if (out.kind == service_kind::udp && table.contains(key)) {
    table.reject(key, "for TCP services only", "remove it");
  }
}

}  // namespace rathole::config::detail
