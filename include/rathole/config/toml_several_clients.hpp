#pragma once

#include <rathole/config/limits.hpp>
#include <rathole/config/toml_reader.hpp>
#include <rathole/config/toml_values.hpp>
#include <rathole/config/types.hpp>

#include <array>
#include <cstddef>
#include <initializer_list>
#include <string_view>

namespace rathole::config::detail {

/// Reads what happens when several clients want to serve the service `out`.
inline void read_several_clients(toml_reader& table, server_service& out) {
  static constexpr std::array<spelling<conflict_policy>, 3> policies = {{
      {"replace", conflict_policy::replace},
      {"reject", conflict_policy::reject},
      {"balance", conflict_policy::balance},
  }};
  static constexpr std::array<spelling<client_affinity>, 2> affinities = {{
      {"none", client_affinity::none},
      {"source", client_affinity::source},
  }};
  const auto policy = read_enum(table, "on_conflict", policies);
  out.on_conflict = policy.value_or(out.on_conflict);
  out.max_clients = table.integer<std::size_t>("max_clients", 1, limits::service_clients)
                        .value_or(out.max_clients);
  out.affinity = read_enum(table, "affinity", affinities).value_or(out.affinity);
  const bool is_wrong = !policy && table.contains("on_conflict");
  if (is_wrong || out.on_conflict == conflict_policy::balance) return;
  for (const std::string_view key : {"max_clients", "affinity"}) {
    if (!table.contains(key)) continue;
    table.warn(key, "it has no effect, because the service has one client at a time",
               "remove it, or add `on_conflict = \"balance\"`");
  }
}

}  // namespace rathole::config::detail
