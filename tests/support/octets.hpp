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

using octet_vector = std::vector<std::uint8_t>;

/// The octets of a dump: hexadecimal digits, with white space anywhere.
inline octet_vector octets(std::string_view dump) {
  std::string digits(dump);
  std::erase_if(digits, [](char c) { return c == ' ' || c == '\n'; });
  result<octet_vector> out = from_hex(digits);
  if (!out) throw std::invalid_argument("not a dump: " + std::string(dump));
  return *out;
}

/// The octets of a text.
inline byte_view text(std::string_view in) {
  return {reinterpret_cast<const std::uint8_t*>(in.data()), in.size()};
}

/// The digest that a dump spells.
inline protocol::digest digest_of(std::string_view dump) {
  const octet_vector in = octets(dump);
  protocol::digest out{};
  if (in.size() != out.size()) throw std::invalid_argument("not a digest: " + std::string(dump));
  std::copy(in.begin(), in.end(), out.begin());
  return out;
}

inline octet_vector operator+(octet_vector a, const octet_vector& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace rathole::test
