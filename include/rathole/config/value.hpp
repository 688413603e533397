#pragma once

#include <rathole/core/require_cxx23.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace rathole::config {

struct value;

/// A table of settings: values by their keys.
using value_table = std::map<std::string, value, std::less<>>;

/// A setting as it is written in a file: what TOML has and this program uses.
struct value
    : std::variant<std::string, bool, std::int64_t, std::vector<std::string>, value_table> {
  /// The alternatives.
  using variant::variant;
};

}  // namespace rathole::config
