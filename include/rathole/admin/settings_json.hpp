#pragma once

#include <rathole/admin/json.hpp>
#include <rathole/config/key.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/value.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace rathole::admin {

/// The keys of a service whose values are secrets.
inline constexpr std::array<std::string_view, 1> secret_keys{"token"};

/// What a file says of a service.
struct shown_settings {
  /// The settings with secrets masked, and without what no service has: somebody may just be writing the file.
  /// Null if there are no valid ones.
  json settings = {};
  /// The entity tag, which differs whenever the settings differ, also in secrets.
  std::string tag = {};
};

/// Returns settings as JSON, with `masked` in the place of secrets.
inline json to_json(const config::value_table& of) {
  json out = json::object();
  for (const auto& [key, value] : of) {
    if (std::ranges::find(secret_keys, key) != secret_keys.end()) {
      out[key] = masked;
      continue;
    }
    const auto convert = [](const auto& each) -> json {
      if constexpr (std::is_same_v<std::remove_cvref_t<decltype(each)>, config::value_table>) {
        return to_json(each);
      } else {
        return each;
      }
    };
    out[key] = std::visit(convert, static_cast<const config::value::variant&>(value));
  }
  return out;
}

namespace detail {

/// Returns what is wrong with `number`, which the parser of JSON does not take for an integer.
inline std::string not_an_integer(double number) {
  constexpr double beyond = 9223372036854775808.0;
  const bool fits = number >= -beyond && number < beyond;
  return fits ? "a number with a fraction or an exponent" : "the number is out of range";
}

}  // namespace detail

/// Returns the settings that a JSON object has. Values that no setting can have are left out, and their
/// problems are added to `problems`; `path` is the path of the table in them.
inline config::value_table to_settings(const json& from, const std::string& path,
                                       std::vector<config::problem>& problems) {
  config::value_table out;
  for (const auto& [key, value] : from.items()) {
    const auto wrong = [&](std::string what) {
      problems.push_back({.key = config::key_path(path, key),
                          .what = std::move(what),
                          .remedy = "write text, an integer in digits, true or false, a list "
                                    "of texts, or an object"});
    };
    if (value.is_string()) {
      out.emplace(key, value.get<std::string>());
    } else if (value.is_boolean()) {
      out.emplace(key, value.get<bool>());
    } else if (value.is_number_integer()) {
      const bool is_too_large =
          value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX;
      if (is_too_large) {
        wrong("the number is out of range");
      } else {
        out.emplace(key, value.get<std::int64_t>());
      }
    } else if (value.is_object()) {
      out.emplace(key, to_settings(value, config::key_path(path, key), problems));
    } else if (value.is_array()) {
      const auto is_text = [](const json& each) { return each.is_string(); };
      if (std::ranges::all_of(value, is_text)) {
        out.emplace(key, value.get<std::vector<std::string>>());
      } else {
        wrong("a list with something that is no text");
      }
    } else {
      wrong(value.is_null() ? "no value" : detail::not_an_integer(value.get<double>()));
    }
  }
  return out;
}

/// Returns the keys that a merge patch removes although `present` does not have them, each with some value.
inline config::value_table removed_keys(const json& patch, const config::value_table& present) {
  config::value_table out;
  for (const auto& [key, value] : patch.items()) {
    const auto found = present.find(key);
    if (value.is_null() && found == present.end()) out.emplace(key, true);
    if (!value.is_object()) continue;
    const auto* const table =
        found == present.end() ? nullptr : std::get_if<config::value_table>(&found->second);
    auto inner = removed_keys(value, table ? *table : config::value_table());
    if (!inner.empty()) out.emplace(key, std::move(inner));
  }
  return out;
}

}  // namespace rathole::admin
