#pragma once

#include <rathole/config/source.hpp>
#include <rathole/config/toml_reader.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/address.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace rathole::config::detail {

/// An address that the configuration listens on, and its position in the file.
struct listener {
  /// The address.
  address where;
  /// Whether it is a UDP listener.
  bool is_udp;
  /// The position of the key.
  position at;
  /// The path of the key.
  std::string key;
  /// Whether its port is one of a range.
  bool is_ranged = false;
};

/// Reports each listener that conflicts with an earlier one in the file. A TCP and a UDP listener
/// never conflict. Of the ports of a range that conflict with the same key, only one is reported.
inline void check_listeners(std::vector<listener> listeners, problem_log& log) {
  std::ranges::sort(listeners, {}, [](const listener& each) {
    return std::tie(each.at, each.key, each.where.port);
  });
  std::map<std::pair<bool, std::uint16_t>, std::vector<const listener*>> by_port;
  std::set<std::pair<std::string_view, std::string_view>> reported;
  for (const listener& current : listeners) {
    if (current.where.port == 0 && !current.where.is_unix()) continue;
    auto& others = by_port[{current.is_udp, current.where.port}];
    const auto found = std::ranges::find_if(
        others, [&](const listener* each) { return overlap(each->where, current.where); });
    const listener* const other = found == others.end() ? nullptr : *found;
    others.push_back(&current);
    if (!other) continue;
    const bool is_ranged = current.is_ranged || other->is_ranged;
    if (!reported.emplace(current.key, other->key).second && is_ranged) continue;
    const bool is_unix = current.where.is_unix();
    const std::string port = is_ranged ? ' ' + std::to_string(current.where.port) : "";
    const std::string what =
        is_unix ? "the same Unix-domain socket as " : "the same address and port" + port + " as ";
    const char* const remedy = is_unix ? "name another one"
                               : is_ranged
                                   ? "use another port"
                                   : "use another port, or 0 for one that the system chooses";
    const bool is_own = other->key == current.key;
    log.add(current.at, current.key,
            what + (is_own ? other->key : log.origin().reference(other->key, other->at)), remedy);
  }
}

}  // namespace rathole::config::detail
