#pragma once

#include <rathole/config/limits.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

// Ranges of ports: the table of one service with `0.0.0.0:8000-8010` stands for eleven services, one for
// each port, which share everything but their names and ports. Not in upstream.

namespace rathole::config {

/// Consecutive ports, from `first` to `last`, which is not less. Not in upstream.
struct port_range {
  /// The first port.
  std::uint16_t first = 1;
  /// The last port.
  std::uint16_t last = 1;

  /// Returns the number of ports.
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(last - first) + 1; }
  /// Returns the port at the index `at`, which must be less than `size()`.
  [[nodiscard]] std::uint16_t operator[](std::size_t at) const {
    return static_cast<std::uint16_t>(first + at);
  }

  /// Compares both members.
  [[nodiscard]] bool operator==(const port_range&) const = default;
};

/// Returns `value` as `first-last`; `parse_port_range` reads it back.
inline std::string to_string(const port_range& value) {
  return std::to_string(value.first) + '-' + std::to_string(value.last);
}

/// What is wrong with the text of a range.
struct port_range_problem {
  /// The description.
  std::string what = {};
  /// How to correct it; empty if the text has another form.
  std::string remedy = {};

  /// Compares both members.
  [[nodiscard]] bool operator==(const port_range_problem&) const = default;
};

/// Parses `first-last`, two decimal numbers from 1 to 65535 in this order, which have at most
/// `limits::port_range` ports.
inline std::expected<port_range, port_range_problem> parse_port_range(std::string_view text) {
  std::uint32_t ends[2] = {};
  const auto dash = text.find('-');
  const auto wrong = [](std::string what, std::string remedy = {}) {
    return std::unexpected(port_range_problem{std::move(what), std::move(remedy)});
  };
  constexpr const char* usable = "use ports from 1 to 65535";
  const std::string_view parts[2] = {text.substr(0, dash),
                                     dash == text.npos ? "" : text.substr(dash + 1)};
  for (const int i : {0, 1}) {
    const char* const stop = parts[i].data() + parts[i].size();
    const auto [end, error] = std::from_chars(parts[i].data(), stop, ends[i]);
    const bool is_number = !parts[i].empty() && end == stop && error != std::errc::invalid_argument;
    if (!is_number) return wrong("a range of ports is written FIRST-LAST");
    if (error != std::errc{} || ends[i] > 65535) {
      return wrong("the port " + std::string(parts[i]) + " is above 65535", usable);
    }
  }
  const auto [first, last] = ends;
  if (first == 0) return wrong("the port 0 cannot be in a range", usable);
  if (first > last) {
    return wrong("the first port " + std::to_string(first) + " is above the last one, " +
                     std::to_string(last),
                 "write the lower port first");
  }
  if (last - first >= limits::port_range) {
    return wrong("a range has at most " + std::to_string(limits::port_range) + " ports",
                 "make it shorter, or divide it among several services");
  }
  return port_range{static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last)};
}

/// Returns whether `text` is meant as an address with a range of ports: digits and a `-` follow its last
/// colon. The path of a Unix-domain socket may end like that, too.
inline bool has_port_range(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == text.npos || is_unix_text(text)) return false;
  const std::string_view ports = text.substr(colon + 1);
  return ports.contains('-') && ports.find_first_not_of("0123456789-") == ports.npos;
}

/// A host and a range of its ports.
struct ranged_address {
  /// The host; see `address`.
  std::string host = {};
  /// The ports.
  port_range ports = {};

  /// Compares both members.
  [[nodiscard]] bool operator==(const ranged_address&) const = default;
};

/// Returns `value` as `host:first-last`, with brackets around an IPv6 address; `parse_ranged_address`
/// reads it back.
inline std::string to_string(const ranged_address& value) {
  const std::string first = to_string(address{value.host, value.ports.first});
  return first + '-' + std::to_string(value.ports.last);
}

/// Parses `host:first-last`, whose host is as in `parse_address`.
inline std::expected<ranged_address, port_range_problem> parse_ranged_address(
    std::string_view text) {
  const auto colon = text.rfind(':');
  auto host = has_port_range(text) ? parse_address(std::string(text.substr(0, colon)) + ":1")
                                   : failure(errc::invalid_address);
  if (!host || host->is_unix()) {
    return std::unexpected(port_range_problem{"not an address of the form host:first-last"});
  }
  const auto ports = parse_port_range(text.substr(colon + 1));
  if (!ports) return std::unexpected(ports.error());
  return ranged_address{std::move(host->host), *ports};
}

/// Returns the name of the service of `port` that the table of the service `name` stands for.
inline std::string ranged_name(std::string_view name, std::uint16_t port) {
  return std::string(name) + ':' + std::to_string(port);
}

/// Returns the name of the table that stands for the service `name`, which `ranged_name` has made.
inline std::string_view range_of(std::string_view name) { return name.substr(0, name.rfind(':')); }

/// Returns the services that `common`, a service of a server or client, stands for: one for each of
/// `ports`, which its addresses have. It has the name of the port of `server_ports` at the same index; both
/// ranges have the same size.
template <class Service>
std::vector<Service> services_of(const Service& common, const port_range& ports,
                                 const port_range& server_ports) {
  std::vector<Service> out;
  out.reserve(ports.size());
  for (std::size_t i = 0; i < ports.size(); ++i) {
    Service& one = out.emplace_back(common);
    one.name = ranged_name(common.name, server_ports[i]);
    const auto set_port = [port = ports[i]](address_list& where) {
      std::vector<address> all(where.begin(), where.end());
      for (address& each : all) each.port = port;
      where = address_list(std::move(all));
    };
    if constexpr (requires { one.bind_addr; }) {
      set_port(one.bind_addr);
    } else {
      set_port(one.local_addr);
    }
  }
  return out;
}

}  // namespace rathole::config
