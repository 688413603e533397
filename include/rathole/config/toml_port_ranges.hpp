#pragma once

#include <rathole/config/key.hpp>
#include <rathole/config/limits.hpp>
#include <rathole/config/port_range.hpp>
#include <rathole/config/toml_reader.hpp>
#include <rathole/config/toml_values.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::config::detail {

/// The value of `bind_addr` or `local_addr` of a service that has ranges of ports.
struct ranged_addresses {
  /// The addresses with the first port; an empty one if the value is wrong.
  address_list where = address();
  /// The ports; nothing if the value is wrong, which is reported.
  std::optional<port_range> ports = {};
};

/// Reports `wrong`, what is wrong with the range at `key`, which is written as `usage` says.
inline void reject_range(const toml_reader& table, std::string_view key, port_range_problem wrong,
                         const std::string& usage) {
  table.reject(key, std::move(wrong.what), wrong.remedy.empty() ? usage : std::move(wrong.remedy));
}

/// Returns the addresses that `texts`, the value of `key`, name. Reports an error if they are not all ranges
/// with the same ports.
inline ranged_addresses to_ranged(const toml_reader& table, std::string_view key,
                                  const std::vector<std::string>& texts) {
  const std::string usage = "write it like `" + std::string(key) +
                            " = \"127.0.0.1:8000-8010\"`, an IPv6 address in brackets";
  std::vector<address> hosts;
  std::optional<port_range> ports;
  for (const std::string& text : texts) {
    if (!has_port_range(text)) {
      table.reject(key, "some addresses of the list have a range of ports, and some have not",
                   "give all of them the same range");
      return {};
    }
    if (is_joined_list(text)) {
      table.reject(key, "several addresses in one text", joined_list_remedy(key, ":8000-8010"));
      return {};
    }
    auto one = parse_ranged_address(text);
    if (!one) {
      reject_range(table, key, std::move(one.error()), usage);
      return {};
    }
    if (ports && *ports != one->ports) {
      table.reject(key,
                   "the addresses of the list have different ports, " + to_string(*ports) +
                       " and " + to_string(one->ports),
                   "give all of them the same range");
      return {};
    }
    ports = one->ports;
    hosts.emplace_back(std::move(one->host), one->ports.first);
  }
  return {address_list(std::move(hosts)), ports};
}

/// Reads the addresses at `key` if any of them has a range of ports; a list of them if it `may_be_list`.
/// Returns nothing if none has one.
inline std::optional<ranged_addresses> read_ranged(toml_reader& table, std::string_view key,
                                                   address_form form, bool may_be_list) {
  if (form == address_form::path || !table.any_string(key, has_port_range)) return std::nullopt;
  if (may_be_list) {
    const auto texts = table.string_or_strings(key, limits::bind_addresses);
    return texts ? to_ranged(table, key, *texts) : ranged_addresses();
  }
  auto text = table.string(key);
  return text ? to_ranged(table, key, {std::move(*text)}) : ranged_addresses();
}

/// Reads `server_ports` of a client's service, whose `local_addr` is `local`: the ports that the server has
/// for the ports of that range, the same if there is no such key.
inline std::optional<port_range> read_server_ports(toml_reader& table,
                                                   const std::optional<ranged_addresses>& local) {
  constexpr std::string_view key = "server_ports";
  const std::string usage = "write it like `server_ports = \"8000-8010\"`";
  const auto text = table.string(key, usage);
  if (!text) return local ? local->ports : std::nullopt;
  if (!local) {
    table.reject(key, "`local_addr` has no range of ports",
                 "remove it, or write `local_addr` like `127.0.0.1:9000-9010`");
    return std::nullopt;
  }
  const auto ports = parse_port_range(*text);
  if (!ports) {
    reject_range(table, key, ports.error(), usage);
    return std::nullopt;
  }
  if (!local->ports) return std::nullopt;
  const auto count = [](const port_range& of) {
    return std::to_string(of.size()) + " (" + to_string(of) + ')';
  };
  if (ports->size() != local->ports->size()) {
    table.reject(key,
                 "the number of ports is " + count(*ports) + ", and that of `local_addr` is " +
                     count(*local->ports),
                 "give both the same number of ports");
    return std::nullopt;
  }
  return *ports;
}

/// Puts the services that tables with ranges of ports stand for in their place, for one side.
class range_expansion {
 public:
  /// Makes an expansion of the table `all`, which has the tables of the services of that side, and must
  /// outlive it.
  explicit range_expansion(const toml_reader& all) : all_(all) {}

  /// Replaces the last of `services`, which was read from `table`, by the services that it stands for; see
  /// `services_of`. `key` has its addresses. Reports names that other services have, and too many ports.
  template <class Service>
  void replace_last(std::vector<Service>& services, const toml_reader& table, std::string_view key,
                    const port_range& ports, const port_range& server_ports) {
    if (ports.size() > limits::ranged_ports - ports_) {
      return table.reject(key,
                          "the ranges of all services have more than " +
                              std::to_string(limits::ranged_ports) + " ports together",
                          "make them shorter");
    }
    ports_ += ports.size();
    const Service common = std::move(services.back());
    services.pop_back();
    source& origin = table.log().origin();
    bool is_unique = true;
    for (Service& each : services_of(common, ports, server_ports)) {
      if (is_unique && all_.contains(each.name)) is_unique = reject_name(table, key, each.name);
      const std::string path = all_.path_of(each.name);
      origin.note_derived(path, table.path());
      origin.note_derived(key_path(path, key), table.path_of(key));
      services.push_back(std::move(each));
    }
  }

  /// Sorts `services` by their names, if any were added.
  template <class Service>
  void finish(std::vector<Service>& services) const {
    if (ports_ > 0) std::ranges::sort(services, {}, &Service::name);
  }

 private:
  /// Reports that the service `name` of a range has the name of another one. Returns false.
  bool reject_name(const toml_reader& table, std::string_view key, const std::string& name) const {
    const position other = all_.where(name);
    table.reject(key,
                 "one of its services has the name of " +
                     table.log().origin().reference(all_.path_of(name), other),
                 "give one of them another name");
    return false;
  }

  const toml_reader& all_;
  /// The ports of the ranges so far.
  std::size_t ports_ = 0;
};

}  // namespace rathole::config::detail
