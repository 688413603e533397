#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::config {

/// Returns `segment` as one part of a dotted key (TOML 1.0, "Keys"): bare if that is allowed,
/// otherwise quoted, with control characters escaped.
inline std::string quote_key(std::string_view segment) {
  const bool is_bare = !segment.empty() && std::ranges::all_of(segment, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
  if (is_bare) return std::string(segment);

  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out = "\"";
  for (const char c : segment) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += digits[byte >> 4];
      out += digits[byte & 0xf];
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

/// Returns the path of the key `segment` inside `table`, whose path is empty for the root.
inline std::string key_path(std::string_view table, std::string_view segment) {
  if (table.empty()) return quote_key(segment);
  return std::string(table) + '.' + quote_key(segment);
}

/// Returns the candidate that `word` was most likely meant to be: the one with the smallest edit
/// distance (insert, delete, replace), if that is at most a third of the longer word. Returns an
/// empty view if there is none.
inline std::string_view closest(std::string_view word,
                                std::span<const std::string_view> candidates) {
  constexpr std::size_t max_word = 64;
  if (word.size() > max_word) return {};
  std::string_view best;
  std::size_t best_distance = max_word;
  for (const std::string_view candidate : candidates) {
    std::vector<std::size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < word.size(); ++i) {
      std::size_t diagonal = std::exchange(row[0], i + 1);
      for (std::size_t j = 0; j < candidate.size(); ++j) {
        const std::size_t replaced = diagonal + (word[i] == candidate[j] ? 0 : 1);
        diagonal = row[j + 1];
        row[j + 1] = std::min({replaced, row[j + 1] + 1, row[j] + 1});
      }
    }
    const std::size_t distance = row.back();
    if (distance < best_distance && distance * 3 <= std::max(word.size(), candidate.size())) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace rathole::config
