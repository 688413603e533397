#pragma once

#include "address_laws.hpp"
#include "check.hpp"

#include <rathole/config/key.hpp>
#include <rathole/config/limits.hpp>
#include <rathole/config/parse.hpp>
#include <rathole/config/validate.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace rathole::fuzz {

/// Checks that every problem is one line of text and has a position in the file, in order.
inline void check_problems(std::string_view text, const std::vector<config::problem>& problems) {
  check(!problems.empty());
  const auto lines = static_cast<std::uint32_t>(std::ranges::count(text, '\n')) + 1;
  for (const config::problem& each : problems) {
    check(each.line >= 1 && each.column >= 1 && each.line <= lines);
    check(!each.what.empty());
    const std::string line = to_string(each);
    check(std::ranges::none_of(line, [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; }));
  }
  check(std::ranges::is_sorted(
      problems, {}, [](const config::problem& each) { return std::tie(each.line, each.column); }));
}

/// Checks that the warnings of a file that loads are warnings, and problems as all others.
inline void check_warnings(std::string_view text, const std::vector<config::problem>& warnings) {
  if (!warnings.empty()) check_problems(text, warnings);
  const auto is_warning = [](const auto& each) { return each.level == config::severity::warning; };
  check(std::ranges::all_of(warnings, is_warning));
}

inline void check_printed(const address& value) {
  const auto again = parse_address(to_string(value));
  // Who may connect is no part of the text.
  check(again && same_place(*again, value));
}

inline void check_printed(const address_list& values) {
  check(!values.empty());
  for (const address& each : values) check_printed(each);
}

inline void check_transport(const config::transport& value, config::side where) {
  if (value.tcp.proxy) check(proxy_address(*value.tcp.proxy).port != 0);
  for (const config::problem& each : config::start_problems(value, where)) {
    check(!each.key.empty() && !each.what.empty());
  }
}

/// Checks that a file causes none of the problems that only a program can cause, and that each of
/// those is found. `own` is the address of the instance, `where` that of a service.
template <class Instance, class Address, class Service>
void check_settings(Instance value, address_list Instance::* own, Address Service::* where) {
  std::size_t wrong = 0;
  const auto check_found = [&] {
    const std::vector<config::problem> found = config::settings_problems(value);
    check(found.size() == wrong);
    for (const config::problem& each : found) check(!each.key.empty() && !each.what.empty());
  };
  check_found();
  value.*own = address_list();
  ++wrong;
  check_found();
  if (!value.services.empty()) {
    const Service twin = value.services.front();
    value.services.push_back(twin);
    ++wrong;
    check_found();
    value.services.back().*where = Address();
    ++wrong;
    check_found();
  }
  if (!config::uses_tls(value.transport)) {
    value.transport.tls.emplace();
    ++wrong;
  }
  if (value.transport.kind != config::transport_kind::noise) {
    value.transport.noise.emplace();
    ++wrong;
  }
  check_found();
}

/// Checks that a file that loads keeps all bounds: `bounded` does not change its durations.
inline void check_config(const config::config& value) {
  check(value.server || value.client);
  if (value.server) {
    check_printed(value.server->bind_addr);
    for (const auto& service : value.server->services) {
      check_printed(service.bind_addr);
      check(service.pool.size <= service.pool.max_idle);
      check(service.udp.max_visitors >= 1);
      check(service.max_connections.value_or(1) >= 1);
      check(service.kind == config::service_kind::tcp || !service.max_connections);
      check(service.max_connections_per_address.value_or(1) >= 1);
      check(service.max_clients >= 1);
      const auto rate = service.new_connections_per_second.value_or(connection_rate());
      check(rate.per_second >= 1 && rate.burst >= 1);
      for (const auto& each : {service.bandwidth.in, service.bandwidth.out}) {
        check(!each || (service.kind == config::service_kind::tcp && *each >= 1024));
      }
    }
    check_transport(value.server->transport, config::side::server);
    check(config::bounded(*value.server) == *value.server);
    check_settings(*value.server, &config::server::bind_addr, &config::server_service::bind_addr);
  }
  if (value.client) {
    check_printed(value.client->remote_addr);
    const auto& servers = value.client->remote_addr;
    check(!servers.empty() && servers.size() <= config::limits::servers);
    for (auto at = servers.begin(); at != servers.end(); ++at) {
      check(std::find(servers.begin(), at, *at) == at);
    }
    for (const auto& service : value.client->services) check_printed(service.local_addr);
    check_transport(value.client->transport, config::side::client);
    check(config::bounded(*value.client) == *value.client);
    check_settings(*value.client, &config::client::remote_addr,
                   &config::client_service::local_addr);
  }
}

/// Checks that a word as a key is one line without blanks at its ends, and that a suggestion is one
/// of the candidates.
inline void check_words(std::string_view word) {
  const std::string quoted = config::quote_key(word);
  check(quoted.size() >= word.size() && !quoted.empty() && !quoted.contains('\n'));
  constexpr std::array<std::string_view, 3> candidates = {"bind_addr", "token", "services"};
  const std::string_view meant = config::closest(word, candidates);
  check(meant.empty() || std::ranges::find(candidates, meant) != candidates.end());
}

}  // namespace rathole::fuzz
