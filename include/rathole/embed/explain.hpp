#pragma once

#include <rathole/config/problem.hpp>
#include <rathole/core/error.hpp>
#include <rathole/version.hpp>

#include <string>
#include <system_error>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

/// Returns the text of `ec`: for `errc::invalid_settings` all of `problems`, one a line, otherwise
/// its message.
inline std::string explain(std::error_code ec, const std::vector<config::problem>& problems) {
  if (ec != errc::invalid_settings || problems.empty()) return ec.message();
  std::string out;
  for (const config::problem& each : problems) {
    if (!out.empty()) out += '\n';
    out += config::text_of(each);
  }
  return out;
}

}  // namespace rathole::embed::inline RATHOLE_ABI
