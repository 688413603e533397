#pragma once

#include <rathole/core/utf8.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::admin {

/// Returns `text` with each `%XX` replaced by its byte (RFC 3986 section 2.1); nothing if it is malformed
/// or the result is no UTF-8 or has a NUL.
inline std::optional<std::string> percent_decoded(std::string_view text) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 1 < text.size() ? digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  if (out.contains('\0') || !is_utf8(out)) return std::nullopt;
  return out;
}

/// The target of a request in origin form or absolute form (RFC 9112 section 3.2), decoded.
struct target {
  /// The parts of the path between its slashes.
  std::vector<std::string> path = {};
  /// The parameters of the query.
  std::map<std::string, std::string, std::less<>> query = {};

  /// Compares all members.
  [[nodiscard]] bool operator==(const target&) const = default;
};

/// Parses a target. Slashes separate before `%2F` is decoded, so a part may have one. Returns nothing if
/// it is malformed, or names a parameter twice.
inline std::optional<target> parse_target(std::string_view text) {
  // What an absolute form has more is what `Host` says, too.
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (text.starts_with(scheme))
      text.remove_prefix(std::min(text.find('/', scheme.size()), text.size()));
  }
  if (!text.starts_with('/')) return std::nullopt;
  target out;
  const auto mark = std::min(text.find('?'), text.size());
  std::string_view path = text.substr(1, mark - 1);
  std::string_view query = text.substr(std::min(mark + 1, text.size()));
  const auto take = [](std::string_view& rest, char separator) {
    const auto end = std::min(rest.find(separator), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return part;
  };
  for (bool more = true; more;) {
    more = path.contains('/');
    auto part = percent_decoded(take(path, '/'));
    if (!part) return std::nullopt;
    out.path.push_back(std::move(*part));
  }
  while (!query.empty()) {
    std::string_view pair = take(query, '&');
    auto name = percent_decoded(take(pair, '='));
    auto value = percent_decoded(pair);
    if (!name || !value || !out.query.emplace(std::move(*name), std::move(*value)).second) {
      return std::nullopt;
    }
  }
  return out;
}

/// Returns `text` so that it can be a part of a path: every byte that is not unreserved (RFC 3986 section
/// 2.3) as `%XX`.
inline std::string percent_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                          (c >= 'A' && c <= 'Z') || std::string_view("-._~").contains(c);
    if (is_plain) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', digits[byte >> 4], digits[byte & 0xf]};
  }
  return out;
}

}  // namespace rathole::admin
