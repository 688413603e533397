#pragma once

#include <rathole/core/utf8.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace rathole::app {

/// Longest name or address that a log line repeats, in octets.
inline constexpr std::size_t longest_shown_text = 128;

namespace detail {

/// Characters that do not show as themselves: they move the cursor, are invisible or turn the
/// direction of the text around them.
inline bool is_unprintable(char32_t code) {
  struct range {
    char32_t first;
    char32_t last;
  };
  static constexpr range ranges[] = {
      {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},
      {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
      {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xe0000, 0xe0fff},
  };
  for (const auto& [first, last] : ranges) {
    if (code >= first && code <= last) return true;
  }
  return false;
}

/// Returns how many bytes the character at the start of `text` has, or 0 if it is not UTF-8 or does
/// not show as itself.
inline std::size_t printable_length(std::string_view text) {
  std::string_view rest = text;
  const auto character = take_character(rest);
  return character && !is_unprintable(*character) ? text.size() - rest.size() : 0;
}

inline std::string escape_octet(char c) {
  constexpr std::string_view digits = "0123456789abcdef";
  switch (c) {
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: break;
  }
  const auto octet = static_cast<unsigned char>(c);
  return {'\\', 'x', digits[octet >> 4], digits[octet & 0x0f]};
}

/// Takes the first character off `text`: as it is if it is printable, else its first octet escaped.
inline std::string take_printable(std::string_view& text) {
  const std::size_t length = printable_length(text);
  std::string piece =
      length == 0 ? escape_octet(text.front()) : std::string(text.substr(0, length));
  text.remove_prefix(length == 0 ? 1 : length);
  return piece;
}

}  // namespace detail

/// `text` as it may stand in a line for a terminal, whoever wrote it: printable UTF-8 as it is, a
/// backslash doubled, anything else as `\n`, `\r`, `\t` or `\xNN`. What would be longer than
/// `limit` octets is cut at a character and ends in "...".
inline std::string escape(std::string_view text, std::size_t limit = longest_shown_text) {
  std::string out;
  while (!text.empty()) {
    std::string piece = detail::take_printable(text);
    if (piece == "\\") piece += '\\';
    if (out.size() + piece.size() > limit) return out + "...";
    out += piece;
  }
  return out;
}

/// The same for a line that is already made: whole, and with its backslashes as they are.
inline std::string printable(std::string_view line) {
  std::string out;
  while (!line.empty()) out += detail::take_printable(line);
  return out;
}

}  // namespace rathole::app
