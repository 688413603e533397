#pragma once

#include <rathole/core/result.hpp>
#include <rathole/http/grammar.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::http {

/// A field of a message head, without the white space around its value.
struct field {
  /// The name of the field.
  std::string name = {};
  /// The value of the field.
  std::string value = {};
  /// Compares all members.
  bool operator==(const field&) const = default;
};

/// The head of a message: what stands in front of its body.
struct head {
  /// The request line or status line, not parsed.
  std::string start_line = {};
  /// The fields, in the order of their arrival.
  std::vector<field> fields = {};

  /// Returns the value of the field `name`, compared without case, if there is exactly one;
  /// otherwise null.
  [[nodiscard]] const std::string* only(std::string_view name) const {
    const std::string* found = nullptr;
    for (const field& each : fields) {
      if (!same_ignoring_case(each.name, name)) continue;
      if (found != nullptr) return nullptr;
      found = &each.value;
    }
    return found;
  }

  /// Returns whether there is a field `name`, compared without case.
  [[nodiscard]] bool has(std::string_view name) const {
    return std::ranges::any_of(
        fields, [=](const field& each) { return same_ignoring_case(each.name, name); });
  }

  /// Returns whether the comma-separated lists in the fields `name` contain `token` (RFC 9110
  /// section 5.6.1). Both are compared without case.
  [[nodiscard]] bool lists(std::string_view name, std::string_view token) const {
    return std::ranges::any_of(fields, [=](const field& each) {
      if (!same_ignoring_case(each.name, name)) return false;
      std::string_view rest = each.value;
      for (;;) {
        const auto comma = std::min(rest.find(','), rest.size());
        if (same_ignoring_case(trimmed(rest.substr(0, comma)), token)) return true;
        if (comma == rest.size()) return false;
        rest.remove_prefix(comma + 1);
      }
    });
  }

  /// Compares all members.
  bool operator==(const head&) const = default;
};

/// The first line of a request (RFC 9112 section 3), as views of the text that was parsed.
struct request_line {
  /// The method.
  std::string_view method;
  /// The target.
  std::string_view target;
  /// The minor version: x in HTTP/1.x.
  int minor = 1;
};

/// The first line of a response (RFC 9112 section 4), without its reason phrase.
struct status_line {
  /// The status code, 100 to 599.
  int status = 0;
  /// The minor version: x in HTTP/1.x.
  int minor = 1;
};

namespace detail {

/// Returns whether `c` is a decimal digit.
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Returns the minor version in "HTTP/1.x", or -1 if `text` is anything else.
inline int minor_version(std::string_view text) {
  if (text.size() != 8 || !text.starts_with("HTTP/1.") || !is_digit(text[7])) return -1;
  return text[7] - '0';
}

}  // namespace detail

/// Parses `METHOD target HTTP/1.x`, separated by single spaces. The result holds views of `line`.
/// Fails with `malformed_http`.
inline result<request_line> parse_request_line(std::string_view line) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return failure(errc::malformed_http);
  const request_line out{line.substr(0, first), line.substr(first + 1, last - first - 1),
                         detail::minor_version(line.substr(last + 1))};
  if (!is_token(out.method) || !is_target(out.target) || out.minor < 0) {
    return failure(errc::malformed_http);
  }
  return out;
}

/// Parses `HTTP/1.x status reason`. The reason may be empty, or missing together with its space.
/// Fails with `malformed_http`.
inline result<status_line> parse_status_line(std::string_view line) {
  const int minor = detail::minor_version(line.substr(0, 8));
  if (minor < 0 || line.size() < 12 || line[8] != ' ') return failure(errc::malformed_http);
  const std::string_view digits = line.substr(9, 3);
  if (!std::ranges::all_of(digits, detail::is_digit)) return failure(errc::malformed_http);
  if (line.size() > 12 && line[12] != ' ') return failure(errc::malformed_http);
  const int status = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
  if (status < 100 || status > 599) return failure(errc::malformed_http);
  return status_line{status, minor};
}

}  // namespace rathole::http
