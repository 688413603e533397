#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace rathole {

/// Returns the bytes as lower-case hexadecimal, two digits each.
inline std::string to_hex(byte_view in) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(in.size() * 2);
  for (const std::uint8_t byte : in) {
    out.push_back(digits[byte >> 4]);
    out.push_back(digits[byte & 0x0f]);
  }
  return out;
}

/// Returns the bytes that `text` spells in hexadecimal, two digits of either case each, without
/// separators.
///
/// Fails with `errc::invalid_encoding`.
inline result<std::vector<std::uint8_t>> from_hex(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  if (text.size() % 2 != 0) return failure(errc::invalid_encoding);
  std::vector<std::uint8_t> out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]);
    const int low = digit(text[i + 1]);
    if (high < 0 || low < 0) return failure(errc::invalid_encoding);
    out.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return out;
}

}  // namespace rathole
