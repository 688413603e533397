#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace rathole {

/// Removes the first character from `text`, which is UTF-8 (RFC 3629) and not empty, and returns
/// it. Returns nothing and leaves `text` unchanged if the character is malformed.
inline std::optional<char32_t> take_character(std::string_view& text) {
  const auto lead = static_cast<std::uint8_t>(text.front());
  const std::size_t size = lead < 0x80   ? 1
                           : lead < 0xc0 ? 0
                           : lead < 0xe0 ? 2
                           : lead < 0xf0 ? 3
                                         : 4;
  if (size == 0 || lead >= 0xf8 || text.size() < size) return {};
  char32_t out = size == 1 ? lead : lead & (0x7fu >> size);
  for (const char c : text.substr(1, size - 1)) {
    if ((static_cast<std::uint8_t>(c) & 0xc0) != 0x80) return {};
    out = out << 6 | (static_cast<std::uint8_t>(c) & 0x3f);
  }
  constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = out >= 0xd800 && out < 0xe000;
  if (out < least[size] || surrogate || out > 0x10ffff) return {};
  text.remove_prefix(size);
  return out;
}

/// Returns whether all of `text` is UTF-8 (RFC 3629).
inline bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    if (!take_character(text)) return false;
  }
  return true;
}

}  // namespace rathole
