#pragma once

#include <rathole/config/key.hpp>
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
