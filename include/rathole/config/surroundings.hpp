#pragma once

#include <rathole/config/include.hpp>
#include <rathole/config/interpolation.hpp>

#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace rathole::config {

/// Returns the value of the variable `name` of the process's environment; nothing if it is not set.
inline std::optional<std::string> environment_variable(const std::string& name) {
  const char* const found = std::getenv(name.c_str());
  return found ? std::optional<std::string>(found) : std::nullopt;
}

/// What a configuration uses besides its own text.
struct surroundings {
  /// Reads the files that it includes; if null, it belongs to no folder, and can include none.
  include_reader files = nullptr;
  /// Receives the path of each file on whose content the configuration depends and that it does not
  /// include, such as that of a token, before it is read. May be null.
  std::function<void(const std::string& path)> depends_on = nullptr;
  /// Returns the values of the variables in its strings.
  variable_lookup variables = environment_variable;
  /// The names of keys in problems, if the configuration comes from no file; see `source::name_keys`.
  std::map<std::string, std::string, std::less<>> key_names = {};
};

}  // namespace rathole::config
