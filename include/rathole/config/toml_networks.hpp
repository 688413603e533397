#pragma once

#include <rathole/config/key.hpp>
#include <rathole/config/limits.hpp>
#include <rathole/config/toml_reader.hpp>
#include <rathole/core/ip_network.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::config::detail {

/// Returns the first of `names`, which must not be empty, and the number of the others.
inline std::string name_some(const std::vector<std::string>& names) {
  constexpr std::size_t most = 3;
  const std::size_t shown = std::min(names.size(), most);
  std::string out;
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) out += i + 1 == names.size() ? " and " : ", ";
    out += names[i];
  }
  if (names.size() > shown) out += " and " + std::to_string(names.size() - shown) + " more";
  return out;
}

/// Returns the networks that the list `key` names.
inline std::vector<ip_network> read_networks(toml_reader& table, std::string_view key) {
  std::vector<ip_network> out;
  const auto texts = table.string_or_strings(key, limits::networks);
  if (!texts) return out;
  // The numbers of the entries that are wrong, counted from 1, because their texts may be secrets.
  std::vector<std::string> wrong;
  // The entries with bits behind their prefix, and the network of the first.
  std::vector<std::string> imprecise;
  std::string precise;
  for (std::size_t i = 0; i < texts->size(); ++i) {
    const std::string& text = (*texts)[i];
    const auto network = parse_ip_network(text);
    if (!network) {
      wrong.push_back(std::to_string(i + 1));
      continue;
    }
    const auto written = parse_ip_network(text.substr(0, text.find('/')));
    if (written && written->base.ip != network->base.ip) {
      if (imprecise.empty()) precise = to_string(*network);
      imprecise.push_back(quote_key(text));
    }
    out.push_back(*network);
  }
  if (!wrong.empty()) {
    const std::string what =
        wrong.size() > 1    ? "entries " + name_some(wrong) + " are no IP addresses or networks"
        : texts->size() > 1 ? "entry " + wrong.front() + " is not an IP address or network"
                            : "not an IP address or network";
    table.reject(
        key, what,
        "write it like `10.0.0.0/8`, `192.0.2.7`, `2001:db8::/32`, or `unix:` for the peers of "
        "Unix-domain sockets");
  }
  if (!imprecise.empty()) {
    const bool is_one = imprecise.size() == 1;
    table.warn(
        key,
        name_some(imprecise) + (is_one ? " has bits behind its prefix, which do not count"
                                       : " have bits behind their prefix, which do not count"),
        "write " + std::string(is_one ? "" : "the first as ") + '`' + precise + '`');
  }
  return out;
}

}  // namespace rathole::config::detail
