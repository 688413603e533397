#pragma once

#include <rathole/core/utf8.hpp>

#include <algorithm>
#include <cstddef>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::config {

/// A function that returns the value of the variable `name`; nothing if it is not set.
using variable_lookup = std::function<std::optional<std::string>(const std::string& name)>;

/// Why the variables of a text cannot be replaced.
struct interpolation_error {
  /// The kinds of errors.
  enum class kind {
    /// `${` that does not begin a variable.
    malformed,
    /// A variable that is not set and has no default.
    unset,
    /// A variable whose value is not UTF-8.
    not_utf8,
    /// The text would become too long.
    too_long
  };

  /// What is wrong.
  kind what = kind::malformed;
  /// The offset of the `${`, in bytes.
  std::size_t at = 0;
  /// The name of the variable; empty if it is malformed.
  std::string name = {};

  /// Compares all members.
  [[nodiscard]] bool operator==(const interpolation_error&) const = default;
};

namespace detail {

inline constexpr std::string_view variable_opening = "${";
inline constexpr std::string_view escaped_opening = "$${";

/// A variable in a text.
struct variable {
  /// The name.
  std::string_view name;
  /// The default, if there is one.
  std::optional<std::string_view> fallback;
  /// The number of bytes from `${` to `}`.
  std::size_t size;
};

/// Returns whether `c` may be in the name of a variable (POSIX.1-2017, section 8.1); digits cannot begin one.
constexpr bool is_in_name(char c, bool is_first) {
  const bool is_digit = c >= '0' && c <= '9';
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || (is_digit && !is_first);
}

/// Returns the variable with which `text`, that begins with `${`, begins; nothing if it is malformed.
inline std::optional<variable> read_variable(std::string_view text) {
  const auto end = text.find('}');
  if (end == text.npos) return std::nullopt;
  const std::string_view inside =
      text.substr(variable_opening.size(), end - variable_opening.size());
  std::size_t length = 0;
  while (length < inside.size() && is_in_name(inside[length], length == 0)) ++length;
  variable out{.name = inside.substr(0, length), .fallback = std::nullopt, .size = end + 1};
  const std::string_view rest = inside.substr(length);
  if (length == 0 || (!rest.empty() && !rest.starts_with(":-"))) return std::nullopt;
  if (!rest.empty()) out.fallback = rest.substr(2);
  // The `}` would be that of the inner variable.
  if (out.fallback && out.fallback->contains(variable_opening)) return std::nullopt;
  return out;
}

inline bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    if (!take_character(text)) return false;
  }
  return true;
}

}  // namespace detail

/// Returns whether `interpolate` would replace something in `text`, or find it malformed.
[[nodiscard]] inline bool has_variables(std::string_view text) {
  for (auto at = text.find("${"); at != text.npos; at = text.find("${", at + 2)) {
    if (at == 0 || text[at - 1] != '$') return true;
  }
  return false;
}

/// Returns `text` with `${NAME}` replaced by the value of the variable `NAME`, `${NAME:-default}` by the
/// default if the variable is not set or empty, and `$${` by `${`. A name has letters, digits and `_`, and
/// does not begin with a digit; a default ends at the first `}` and has no variables. Values are not searched
/// for variables. A text that contains `${` becomes no longer than `most` bytes. Fails at the first error.
inline std::expected<std::string, interpolation_error> interpolate(std::string_view text,
                                                                   const variable_lookup& lookup,
                                                                   std::size_t most) {
  using kind = interpolation_error::kind;
  std::string out;
  std::size_t at = 0;
  if (!text.contains(detail::variable_opening)) return std::string(text);
  while (at < text.size()) {
    const std::string_view rest = text.substr(at);
    std::string made;
    std::string_view name;
    std::size_t taken = 1;
    if (rest.starts_with(detail::escaped_opening)) {
      made = detail::variable_opening;
      taken = detail::escaped_opening.size();
    } else if (rest.starts_with(detail::variable_opening)) {
      const auto found = detail::read_variable(rest);
      if (!found) return std::unexpected(interpolation_error{kind::malformed, at, {}});
      name = found->name;
      taken = found->size;
      auto value = lookup(std::string(name));
      if (found->fallback && (!value || value->empty())) value = std::string(*found->fallback);
      if (!value) return std::unexpected(interpolation_error{kind::unset, at, std::string(name)});
      if (!detail::is_utf8(*value)) {
        return std::unexpected(interpolation_error{kind::not_utf8, at, std::string(name)});
      }
      made = std::move(*value);
    } else {
      taken = std::max(std::min(rest.find('$'), rest.size()), std::size_t{1});
      made = rest.substr(0, taken);
    }
    if (made.size() > most - out.size()) {
      return std::unexpected(interpolation_error{kind::too_long, at, std::string(name)});
    }
    out += made;
    at += taken;
  }
  return out;
}

}  // namespace rathole::config
