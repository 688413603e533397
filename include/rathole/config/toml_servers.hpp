#pragma once

#include <rathole/config/servers.hpp>
#include <rathole/config/toml_reader.hpp>
#include <rathole/config/toml_values.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>

#include <array>
#include <string>
#include <string_view>

namespace rathole::config::detail {

/// Reads the keys `remote_addr` and `strategy` of the table `[client]` into `out`.
inline void read_servers(toml_reader& table, client& out) {
  out.remote_addr = read_addresses(table, "remote_addr", "example.com:2333", address_form::usual,
                                   limits::servers);
  for (const address& each : out.remote_addr) {
    if (each.host.empty() || each.is_unix() || each.port != 0) continue;
    table.warn("remote_addr", "nothing can be reached at port 0", "name the port");
    break;
  }
  constexpr std::array strategies{spelling<server_strategy>{"failover", server_strategy::failover},
                                  spelling<server_strategy>{"all", server_strategy::all}};
  const auto strategy = read_enum(table, "strategy", strategies);
  out.strategy = strategy.value_or(out.strategy);
  // The address is empty if the value is wrong: how many servers there are meant to be is not known.
  if (strategy && out.remote_addr.size() == 1 && !out.remote_addr.front().host.empty()) {
    table.warn("strategy", "there is only one server",
               "remove it, or name several servers in `remote_addr`");
  }
}

/// Reports what is wrong with the servers of `of`, whose transport was read, too.
inline void check_servers(const toml_reader& table, const client& of) {
  for (const problem& wrong : servers_problems(of)) {
    table.reject("remote_addr", wrong.what, wrong.remedy);
  }
}

}  // namespace rathole::config::detail
