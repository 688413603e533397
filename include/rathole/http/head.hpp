#pragma once

#include <rathole/core/result.hpp>
#include <rathole/http/grammar.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::http {

/// A field of a head, without the blanks around its value.
struct field {
  std::string name = {};
  std::string value = {};
  bool operator==(const field&) const = default;
};

/// What stands in front of a message's body.
struct head {
  /// The request line or status line, not looked at yet.
  std::string start_line = {};
  /// In the order of their arrival.
  std::vector<field> fields = {};

  /// The value of the field of that name, in any case, if there is exactly one; else null.
  [[nodiscard]] const std::string* only(std::string_view name) const {
    const std::string* found = nullptr;
    for (const field& each : fields) {
      if (!same_ignoring_case(each.name, name)) continue;
      if (found != nullptr) return nullptr;
      found = &each.value;
    }
    return found;
  }

  [[nodiscard]] bool has(std::string_view name) const {
    return std::ranges::any_of(
        fields, [=](const field& each) { return same_ignoring_case(each.name, name); });
  }

  /// Whether `token`, in any case, is one of those that the fields of that name list with commas
  /// (RFC 9110 section 5.6.1).
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

  bool operator==(const head&) const = default;
};

/// The first line of a request (RFC 9112 section 3).
struct request_line {
  std::string_view method;
  std::string_view target;
  /// HTTP/1.`minor`.
  int minor = 1;
};

/// The first line of a response (RFC 9112 section 4), without its reason phrase.
struct status_line {
  /// 100 to 599.
  int status = 0;
  int minor = 1;
};

namespace detail {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The minor version in "HTTP/1.x", or -1.
inline int minor_version(std::string_view text) {
  if (text.size() != 8 || !text.starts_with("HTTP/1.") || !is_digit(text[7])) return -1;
  return text[7] - '0';
}

}  // namespace detail

/// Reads `METHOD target HTTP/1.x`, with single blanks. The views are into `line`.
/// Errors: `malformed_http`.
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

/// Reads `HTTP/1.x status reason`; the reason may be empty, or left out with its blank.
/// Errors: `malformed_http`.
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
