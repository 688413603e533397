#pragma once

#include "check.hpp"

#include <rathole/core/base64.hpp>
#include <rathole/core/endian.hpp>
#include <rathole/core/hex.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace rathole::fuzz {

/// Checks that bytes survive all encodings.
inline void check_bytes(byte_view in) {
  const auto hex = from_hex(to_hex(in));
  check(hex && std::ranges::equal(*hex, in));

  std::string text = to_base64(in);
  check(text.size() == (in.size() + 2) / 3 * 4);
  const auto padded = from_base64(text);
  check(padded && std::ranges::equal(*padded, in));
  while (text.ends_with('=')) text.pop_back();
  const auto bare = from_base64(text);
  check(bare && std::ranges::equal(*bare, in));

  if (in.size() < 8) return;
  const std::uint64_t value = load_le<std::uint64_t>(in.first<8>());
  std::array<std::uint8_t, 8> stored;
  store_le<std::uint64_t>(value, stored);
  check(std::ranges::equal(stored, in.first(8)));
  store_be<std::uint64_t>(value, stored);
  check(std::ranges::equal(stored.rbegin(), stored.rend(), in.begin(), in.begin() + 8));
  check(load_be<std::uint64_t>(stored) == value);
}

/// Checks that text that decodes is the only encoding of its bytes, except for the case of
/// hexadecimal digits and the padding of base64.
inline void check_encoded(std::string_view text) {
  if (const auto bytes = from_hex(text)) {
    std::string lower(text);
    for (char& c : lower) {
      if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    }
    check(to_hex(*bytes) == lower);
  }
  if (const auto bytes = from_base64(text)) {
    const std::string spelling = to_base64(*bytes);
    const std::size_t digits = spelling.find_last_not_of('=') + 1;
    check(text == spelling || text == std::string_view(spelling).substr(0, digits));
  }
}

}  // namespace rathole::fuzz
