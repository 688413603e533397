#pragma once

#include <rathole/config/include.hpp>

#include <functional>
#include <string>

namespace rathole::config {

/// What a configuration uses besides its own text.
struct surroundings {
  /// Reads the files that it includes; if null, it belongs to no folder, and can include none.
  include_reader files = nullptr;
  /// Receives the path of each file on whose content the configuration depends and that it does not
  /// include, such as that of a token, before it is read. May be null.
  std::function<void(const std::string& path)> depends_on = nullptr;
};

}  // namespace rathole::config
