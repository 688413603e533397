#pragma once

#include <algorithm>
#include <string_view>

namespace rathole::http {

/// Returns whether `c` may occur in a token (RFC 9110 section 5.6.2).
constexpr bool is_token_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("!#$%&'*+-.^_`|~").contains(c);
}

/// Returns whether `text` is a token, such as a method or a field name.
constexpr bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_token_char);
}

/// Returns whether `c` may occur in a line: a tab, a space, or any other character that is not a
/// control character.
constexpr bool is_line_char(char c) {
  return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

/// Returns `text` without the spaces and tabs at its ends.
constexpr std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Returns whether `text` is a field value (RFC 9110 section 5.5): line characters, without white
/// space at its ends.
constexpr bool is_field_value(std::string_view text) {
  return std::ranges::all_of(text, is_line_char) && trimmed(text).size() == text.size();
}

/// Returns whether `text` may be the target of a request: not empty, without white space and
/// control characters.
constexpr bool is_target(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return is_line_char(c) && c != ' ' && c != '\t'; });
}

/// Returns whether the texts are equal except for the case of ASCII letters.
constexpr bool same_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace rathole::http
