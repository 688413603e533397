#pragma once

#include <rathole/core/utf8.hpp>

#include <botan/secmem.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::tls {

/// A password in the encodings that the parts of a PKCS#12 file use.
struct pkcs12_password {
  /// The bytes of the password, for PBKDF2.
  Botan::secure_vector<std::uint8_t> plain;
  /// The password as a BMPString with its terminator, for the key derivation of PKCS#12 (RFC 7292
  /// appendix B.1).
  Botan::secure_vector<std::uint8_t> bmp;
};

namespace detail {

/// Returns the password in big-endian UTF-16 without a terminator. If it is not UTF-8, it is taken
/// as Latin-1, as in OpenSSL.
inline Botan::secure_vector<std::uint8_t> to_bmp(std::string_view password) {
  Botan::secure_vector<std::uint8_t> out;
  // The capacity includes the terminator, so that adding it does not leave a copy behind.
  out.reserve(2 * password.size() + 2);
  const auto put = [&out](char32_t unit) {
    out.push_back(static_cast<std::uint8_t>(unit >> 8));
    out.push_back(static_cast<std::uint8_t>(unit));
  };
  for (std::string_view rest = password; !rest.empty();) {
    const auto character = take_character(rest);
    if (!character) {
      out.clear();
      for (const char c : password) put(static_cast<std::uint8_t>(c));
      break;
    }
    if (*character < 0x10000) {
      put(*character);
    } else {
      put(0xd800 + ((*character - 0x10000) >> 10));
      put(0xdc00 + (*character & 0x3ff));
    }
  }
  return out;
}

}  // namespace detail

/// Returns the encodings of the password that programs use. They differ for an empty password,
/// which may be an empty BMPString or a terminator alone.
inline std::vector<pkcs12_password> spellings_of(std::string_view password) {
  pkcs12_password out;
  out.plain.assign(password.begin(), password.end());
  out.bmp = detail::to_bmp(password);
  std::vector<pkcs12_password> all;
  if (password.empty()) all.push_back(out);
  out.bmp.insert(out.bmp.end(), {0, 0});
  all.push_back(std::move(out));
  return all;
}

}  // namespace rathole::tls
