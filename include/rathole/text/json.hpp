#pragma once

#include <rathole/core/utf8.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace rathole::text {

/// Appends `text` to `out` as a JSON string with its quotes (RFC 8259 section 7). What is no UTF-8
/// becomes U+FFFD. The string has at most `most` bytes, which must be at least 5; a longer one is cut
/// at a character and ends in "...".
inline void append_json_string(std::string& out, std::string_view text,
                               std::size_t most = static_cast<std::size_t>(-1)) {
  constexpr std::string_view digits = "0123456789abcdef";
  constexpr std::string_view end = "...";
  const std::size_t begin = out.size();
  // The size so far at which the end still fits.
  std::size_t last_cut = begin + 1;
  out += '"';
  while (!text.empty()) {
    const std::string_view before = text;
    const auto character = take_character(text);
    if (!character) {
      text.remove_prefix(1);
      out += "\xef\xbf\xbd";
    } else if (*character == '"' || *character == '\\') {
      out += '\\';
      out += static_cast<char>(*character);
    } else if (*character < 0x20) {
      out += "\\u00";
      out += digits[*character >> 4];
      out += digits[*character & 0xf];
    } else {
      out += before.substr(0, before.size() - text.size());
    }
    if (out.size() - begin + 1 > most) {
      out.resize(last_cut);
      out += end;
      break;
    }
    if (out.size() - begin + end.size() + 1 <= most) last_cut = out.size();
  }
  out += '"';
}

}  // namespace rathole::text
