#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/result.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rathole {

namespace detail {

/// The standard alphabet (RFC 4648 section 4, table 1).
inline constexpr std::string_view base64_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace detail

/// Returns `in` in base64, with the standard alphabet and with padding (RFC 4648 section 4).
inline std::string to_base64(byte_view in) {
  std::string out;
  out.reserve((in.size() + 2) / 3 * 4);
  while (!in.empty()) {
    const std::size_t count = in.size() < 3 ? in.size() : 3;
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) group = group << 8 | (i < count ? in[i] : 0u);
    for (std::size_t i = 0; i < 4; ++i) {
      out += i <= count ? detail::base64_alphabet[group >> (18 - 6 * i) & 0x3f] : '=';
    }
    in = in.subspan(count);
  }
  return out;
}

/// Decodes base64 of the standard alphabet (RFC 4648 section 4), with its padding or without any.
///
/// Fails with `errc::invalid_encoding` for white space, for other characters, and if the unused
/// bits of the last character are not zero (section 3.5).
inline result<std::vector<std::uint8_t>> from_base64(std::string_view text) {
  if (text.size() % 4 == 0) {
    for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) return failure(errc::invalid_encoding);

  std::vector<std::uint8_t> out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t pending = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const auto value = detail::base64_alphabet.find(c);
    if (value == std::string_view::npos) return failure(errc::invalid_encoding);
    pending = pending << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out.push_back(static_cast<std::uint8_t>(pending >> bits));
    pending &= (1u << bits) - 1;
  }
  if (pending != 0) return failure(errc::invalid_encoding);
  return out;
}

}  // namespace rathole
