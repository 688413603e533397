#pragma once

#include <rathole/admin/json.hpp>
#include <rathole/admin/message.hpp>
#include <rathole/http/grammar.hpp>

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace rathole::admin {

/// Returns the number that `text` is; nothing if it is none.
inline std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (text.empty() || read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return value;
}

/// Returns the JSON object in the body of a request, or why there is none. Its media type must be JSON
/// or `also`.
inline std::pair<std::optional<json>, response> body_of(const request& asked,
                                                        std::string_view also) {
  const std::string* const field = asked.head.only("Content-Type");
  const std::string_view type =
      field ? http::trimmed(std::string_view(*field).substr(0, field->find(';'))) : "";
  if (!http::same_ignoring_case(type, json_type) && !http::same_ignoring_case(type, also)) {
    return {std::nullopt, problem_response(415, "The body must be `application/json`.")};
  }
  // No settings are nested deeper.
  constexpr int max_depth = 8;
  auto value = parse_json(asked.body, max_depth);
  if (!value || !value->is_object()) {
    return {std::nullopt, problem_response(400, "The body is no JSON object.")};
  }
  return {std::move(value), response()};
}

}  // namespace rathole::admin
