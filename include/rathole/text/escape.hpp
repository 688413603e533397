#pragma once

#include <rathole/core/utf8.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace rathole::text {

/// The longest name or address in a log line, in bytes.
inline constexpr std::size_t max_shown_text = 128;

namespace detail {

/// Returns whether a character is not displayed as itself, because it moves the cursor, is
/// invisible, or changes the direction of the text around it.
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

/// Returns the size of the UTF-8 character at the start of `text` (RFC 3629), in bytes; 0 if it is
/// malformed or not displayed as itself.
inline std::size_t printable_length(std::string_view text) {
  std::string_view rest = text;
  const auto character = take_character(rest);
  return character && !is_unprintable(*character) ? text.size() - rest.size() : 0;
}

/// Returns the escape sequence of a byte.
inline std::string escape_byte(char c) {
  constexpr std::string_view digits = "0123456789abcdef";
  switch (c) {
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: break;
  }
  const auto byte = static_cast<unsigned char>(c);
  return {'\\', 'x', digits[byte >> 4], digits[byte & 0x0f]};
}

/// Removes the first character from `text`. Returns it unchanged if it is printable, and otherwise
/// its first byte escaped.
inline std::string take_printable(std::string_view& text) {
  const std::size_t length = printable_length(text);
  std::string piece = length == 0 ? escape_byte(text.front()) : std::string(text.substr(0, length));
  text.remove_prefix(length == 0 ? 1 : length);
  return piece;
}

}  // namespace detail

/// Returns `text` in a form that is safe in a line for a terminal, whoever wrote it: printable
/// UTF-8 is unchanged, a backslash is doubled, and anything else becomes `\n`, `\r`, `\t` or
/// `\xNN`. A result longer than `limit` bytes is cut at a character and ends in "...".
inline std::string escape(std::string_view text, std::size_t limit = max_shown_text) {
  std::string out;
  while (!text.empty()) {
    std::string piece = detail::take_printable(text);
    if (piece == "\\") piece += '\\';
    if (out.size() + piece.size() > limit) return out + "...";
    out += piece;
  }
  return out;
}

/// Returns a complete line in a form that is safe for a terminal: like `escape`, but not shortened
/// and with its backslashes unchanged.
inline std::string printable(std::string_view line) {
  std::string out;
  while (!line.empty()) out += detail::take_printable(line);
  return out;
}

}  // namespace rathole::text
