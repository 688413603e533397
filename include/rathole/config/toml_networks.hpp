#pragma once

#include <rathole/config/key.hpp>
#include <rathole/config/limits.hpp>
#include <rathole/config/toml_reader.hpp>
#include <rathole/core/ip_network.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace rathole::config::detail {

/// Returns the networks that the list `key` names.
inline std::vector<ip_network> read_networks(toml_reader& table, std::string_view key) {
  std::vector<ip_network> out;
  const auto texts = table.string_or_strings(key, limits::networks);
  if (!texts) return out;
  for (const std::string& text : *texts) {
    const auto network = parse_ip_network(text);
    if (!network) {
      table.reject(
          key, "not an IP address or network: " + quote_key(text),
          "write it like `10.0.0.0/8`, `192.0.2.7`, `2001:db8::/32`, or `unix:` for the peers of "
          "Unix-domain sockets");
      continue;
    }
    const auto written = parse_ip_network(text.substr(0, text.find('/')));
    if (written && written->base.ip != network->base.ip) {
      table.warn(key, quote_key(text) + " has bits behind its prefix, which do not count",
                 "write `" + to_string(*network) + '`');
    }
    out.push_back(*network);
  }
  return out;
}

}  // namespace rathole::config::detail
