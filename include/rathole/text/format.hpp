#pragma once

#include <rathole/config/key.hpp>
#include <rathole/config/port_range.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/core/time.hpp>
#include <rathole/text/escape.hpp>

#include <chrono>
#include <string>
#include <string_view>

// How addresses, keys and durations are written in texts for people.

namespace rathole::text {

/// Returns an address in a form that is safe for a terminal.
inline std::string escaped(const address& at) { return escape(to_string(at)); }

/// Returns a list of addresses in a form that is safe for a terminal.
inline std::string escaped(const address_list& at) {
  std::string out;
  for (const address& each : at) out += (out.empty() ? "" : ", ") + escaped(each);
  return out;
}

/// Returns the name of a service, as a part of a key, in a form that is safe for a terminal.
inline std::string escaped_key(std::string_view service) {
  return escape(config::quote_key(service));
}

/// Returns whether `service` may be the name of one port of a range: a name, a colon and a port.
inline bool is_port_of_range(std::string_view service) {
  const auto colon = service.rfind(':');
  if (colon == service.npos || colon == 0) return false;
  const std::string_view port = service.substr(colon + 1);
  return config::parse_port_range(std::string(port) + '-' + std::string(port)).has_value();
}

/// Returns the key of `service` in the tables of a side: `service_key("client", "web", ".local_addr")` is
/// `client.services.web.local_addr`, without the backticks around it. A name such as `game:8000` may be
/// that of one port of the range `game`, or of a table of its own; then both keys are named, with
/// backticks between them.
inline std::string service_key(std::string_view side, std::string_view service,
                               std::string_view key = {}) {
  const std::string tables = std::string(side) + ".services.";
  std::string out;
  if (is_port_of_range(service)) {
    out = tables + escaped_key(config::range_of(service)) + std::string(key) + "` or `";
  }
  return out + tables + escaped_key(service) + std::string(key);
}

/// Returns the table of `service` in the server's file, as a text for people: `[server.services.web]`. It
/// also names the range that may have the service; see `service_key`.
inline std::string server_table(std::string_view service) {
  std::string out;
  if (is_port_of_range(service)) {
    out = "`[server.services." + escaped_key(config::range_of(service)) + "]` with the port " +
          std::string(service.substr(service.rfind(':') + 1)) + ", and no ";
  }
  return out + "`[server.services." + escaped_key(service) + "]`";
}

/// Returns a duration in milliseconds, or in seconds if it is at least one second: `450ms`, `1s`,
/// `1.25s`.
inline std::string to_text(duration delay) {
  const auto count = std::chrono::round<std::chrono::milliseconds>(delay).count();
  if (count < 1000) return std::to_string(count) + "ms";
  std::string text = std::to_string(count / 1000);
  std::string fraction = std::to_string(1000 + count % 1000).substr(1);
  fraction.erase(fraction.find_last_not_of('0') + 1);
  if (!fraction.empty()) text += '.' + fraction;
  return text + 's';
}

}  // namespace rathole::text
