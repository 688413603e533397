#pragma once

#include <rathole/core/require_cxx23.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace rathole::app {

/// Returns the parts of `text` between its commas; one part if there is no comma.
inline std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> out(1);
  for (const char c : text) {
    if (c == ',') {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

}  // namespace rathole::app
