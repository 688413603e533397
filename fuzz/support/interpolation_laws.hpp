#pragma once

#include "check.hpp"

#include <rathole/config/interpolation.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace rathole::fuzz {

/// Returns the value of a variable, which depends on the first character of its name.
inline std::optional<std::string> variable_value(const std::string& name) {
  switch (name.front()) {
    case 'N': return std::nullopt;
    case 'E': return "";
    case 'B': return "\xff";
    case 'V': return "${" + name + "}$";
    default: return std::string(name.size(), 'x');
  }
}

/// Returns `text` so that it is taken literally.
inline std::string escaped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text.substr(at).starts_with("${")) out += '$';
    out += text[at];
  }
  return out;
}

/// Checks that results are bounded, that errors point to what is wrong, that an escaped text stays what it
/// is, and that the parts of a text, cut at `cut`, do not influence each other.
inline void check_interpolation(std::string_view text, std::size_t most, std::size_t cut) {
  using kind = config::interpolation_error::kind;
  constexpr std::size_t ample = 1 << 20;
  const bool has_some = text.contains("${");
  const auto bounded = config::interpolate(text, variable_value, most);
  const auto whole = config::interpolate(text, variable_value, ample);
  if (bounded) check(whole == bounded && (!has_some || bounded->size() <= most));
  if (!bounded) {
    check(has_some && bounded.error().at < text.size());
    check(bounded.error().what == kind::too_long || whole.error() == bounded.error());
  }
  if (!config::has_variables(text)) check(whole.has_value() && escaped(*whole) == text);
  check(config::interpolate(escaped(text), variable_value, ample) == std::string(text));
  check(!config::has_variables(escaped(text)));
  if (!whole) {
    const auto& error = whole.error();
    check(text.substr(error.at).starts_with("${" + error.name));
    check((error.what == kind::malformed) == error.name.empty());
    check(config::interpolate(text.substr(0, error.at), variable_value, ample).has_value());
    return;
  }
  const std::string_view first = text.substr(0, std::min(cut, text.size()));
  const std::string_view second = text.substr(first.size());
  const auto left = config::interpolate(first, variable_value, ample);
  const auto right = config::interpolate(second, variable_value, ample);
  if (left && right && !first.ends_with('$')) check(*left + *right == *whole);
}

}  // namespace rathole::fuzz
