#pragma once

#include <rathole/admin/json.hpp>
#include <rathole/config/key.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/value.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace rathole::admin {

/// The keys of a service whose values are secrets.
inline constexpr std::array<std::string_view, 1> secret_keys{"token"};

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

/// Returns the settings that a JSON object has, or the problem of a value that no setting can have.
/// `path` is the path of the table in problems.
inline std::expected<config::value_table, config::problem> to_settings(const json& from,
                                                                       const std::string& path) {
  config::value_table out;
  for (const auto& [key, value] : from.items()) {
    const auto wrong = [&](std::string what) {
      return std::unexpected(
          config::problem{.key = config::key_path(path, key),
                          .what = std::move(what),
                          .remedy = "write text, a number without fraction, true or false, a list "
                                    "of texts, or an object"});
    };
    if (value.is_string()) {
      out.emplace(key, value.get<std::string>());
    } else if (value.is_boolean()) {
      out.emplace(key, value.get<bool>());
    } else if (value.is_number_integer()) {
      const bool is_too_large =
          value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX;
      if (is_too_large) return wrong("the number is out of range");
      out.emplace(key, value.get<std::int64_t>());
    } else if (value.is_object()) {
      auto inner = to_settings(value, config::key_path(path, key));
      if (!inner) return std::unexpected(std::move(inner.error()));
      out.emplace(key, std::move(*inner));
    } else if (value.is_array()) {
      std::vector<std::string> texts;
      for (const json& each : value) {
        if (!each.is_string()) return wrong("a list with something that is no text");
        texts.push_back(each.get<std::string>());
      }
      out.emplace(key, std::move(texts));
    } else {
      return wrong(value.is_null() ? "no value" : "a number with a fraction");
    }
  }
  return out;
}

}  // namespace rathole::admin
