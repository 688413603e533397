#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/hex.hpp>
#include <rathole/protocol/messages.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ostream>  // error codes in failed checks
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::test {

using byte_vector = std::vector<std::uint8_t>;

/// Returns the bytes of a hexadecimal dump with white space anywhere.
inline byte_vector bytes(std::string_view dump) {
  std::string digits(dump);
  std::erase_if(digits, [](char c) { return c == ' ' || c == '\n'; });
  result<byte_vector> out = from_hex(digits);
  if (!out) throw std::invalid_argument("not a dump: " + std::string(dump));
  return *out;
}

/// Returns the bytes of a text.
inline byte_view text(std::string_view in) {
  return {reinterpret_cast<const std::uint8_t*>(in.data()), in.size()};
}

/// Returns the digest of a hexadecimal dump.
inline protocol::digest digest_of(std::string_view dump) {
  const byte_vector in = bytes(dump);
  protocol::digest out{};
  if (in.size() != out.size()) throw std::invalid_argument("not a digest: " + std::string(dump));
  std::copy(in.begin(), in.end(), out.begin());
  return out;
}

inline byte_vector operator+(byte_vector a, const byte_vector& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace rathole::test
