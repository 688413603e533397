#pragma once

#include <rathole/config/problem.hpp>
#include <rathole/config/types.hpp>
#include <rathole/text/advice.hpp>
#include <rathole/text/format.hpp>
#include <rathole/version.hpp>

#include <string>
#include <system_error>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

/// Returns why a server with `settings` cannot listen for clients, as a problem of the settings.
inline config::problem listen_problem(const config::server& settings, std::error_code ec) {
  const text::explanation why{ec.message(), text::listen_advice(ec, settings.bind_addr)};
  return {.key = "server.bind_addr",
          .what = "Failed to listen at " + text::escaped(settings.bind_addr) + ": " + why.what,
          .remedy = why.remedy()};
}

/// Returns all of `problems`, one a line.
inline std::string explain(const std::vector<config::problem>& problems) {
  std::string out;
  for (const config::problem& each : problems) {
    if (!out.empty()) out += '\n';
    out += config::text_of(each);
  }
  return out;
}

}  // namespace rathole::embed::inline RATHOLE_ABI
