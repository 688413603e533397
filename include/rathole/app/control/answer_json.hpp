#pragma once

#include <rathole/admin/json.hpp>
#include <rathole/version.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>

namespace rathole::app::inline RATHOLE_ABI {

/// Returns the value that `text` is; one without a value if it is no JSON, or is nested deeper than any
/// answer of the API.
inline nlohmann::ordered_json parse_answer(const std::string& text) {
  constexpr int max_depth = 32;
  return admin::parse_json(text, max_depth).value_or(nlohmann::ordered_json());
}

/// Returns `value` as one line that is safe for a terminal.
inline std::string json_line(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

/// Returns a member of `value`; null if it has none of this name.
inline const nlohmann::ordered_json& member_of(const nlohmann::ordered_json& value,
                                               const char* name) {
  static const nlohmann::ordered_json none;
  const auto found = value.find(name);
  return found == value.end() ? none : *found;
}

/// Returns the text that `value` is; empty if it is none.
inline std::string text_of(const nlohmann::ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

/// Returns the number that `value` is; 0 if it is none.
inline std::uint64_t number_of(const nlohmann::ordered_json& value) {
  return value.is_number_unsigned() ? value.get<std::uint64_t>() : 0;
}

/// Returns the number that `value` is, which may have a fraction; 0 if it is none.
inline double seconds_of(const nlohmann::ordered_json& value) {
  return value.is_number() ? value.get<double>() : 0.0;
}

/// Returns the line and column of a problem as `:line:column`; empty if it has none.
inline std::string position_of(const nlohmann::ordered_json& problem) {
  const std::uint64_t line = number_of(member_of(problem, "line"));
  if (line == 0) return {};
  return ':' + std::to_string(line) + ':' + std::to_string(number_of(member_of(problem, "column")));
}

}  // namespace rathole::app::inline RATHOLE_ABI
