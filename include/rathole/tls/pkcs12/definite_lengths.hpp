#pragma once

#include <rathole/core/bytes.hpp>

#include <botan/secmem.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace rathole::tls {

namespace detail {

/// Rewrites BER values (X.690) for `with_definite_lengths`.
class length_rewriter {
 public:
  /// Bytes, which are wiped when they are freed.
  using bytes = Botan::secure_vector<std::uint8_t>;

  /// Removes the first value from `in` and appends it to `out` with definite lengths; `depth`
  /// limits the nesting. Throws `std::invalid_argument` if the value is malformed.
  static void take_value(byte_view& in, bytes& out, int depth = max_depth) {
    if (depth == 0) throw std::invalid_argument("too many values in values");
    const std::uint8_t tag = take(in, 1)[0];
    constexpr std::uint8_t long_tag = 0x1f;
    if ((tag & long_tag) == long_tag) throw std::invalid_argument("a long tag");
    const bool constructed = (tag & 0x20) != 0;
    const std::uint8_t length = take(in, 1)[0];
    constexpr std::uint8_t indefinite = 0x80;
    bytes inside;
    if (length == indefinite) {
      if (!constructed) throw std::invalid_argument("a length is missing");
      while (!is_end(in)) take_value(in, inside, depth - 1);
      take(in, 2);
      return append(tag, inside, out);
    }
    byte_view content = take(in, length < indefinite ? length : long_length(in, length & 0x7f));
    if (!constructed) return append(tag, content, out);
    while (!content.empty()) take_value(content, inside, depth - 1);
    append(tag, inside, out);
  }

 private:
  static constexpr int max_depth = 32;

  static byte_view take(byte_view& in, std::size_t size) {
    if (size > in.size()) throw std::invalid_argument("it is cut");
    const byte_view out = in.first(size);
    in = in.subspan(size);
    return out;
  }

  static std::size_t long_length(byte_view& in, std::size_t size) {
    if (size > 4) throw std::invalid_argument("an absurd length");
    std::size_t out = 0;
    for (const std::uint8_t byte : take(in, size)) out = out << 8 | byte;
    return out;
  }

  static bool is_end(byte_view in) { return in.size() >= 2 && in[0] == 0 && in[1] == 0; }

  static void append(std::uint8_t tag, byte_view content, bytes& out) {
    const std::size_t size = content.size();
    out.push_back(tag);
    if (size < 0x80) {
      out.push_back(static_cast<std::uint8_t>(size));
    } else {
      const std::size_t bytes_of_size = (static_cast<std::size_t>(std::bit_width(size)) + 7) / 8;
      out.push_back(static_cast<std::uint8_t>(0x80 | bytes_of_size));
      for (std::size_t i = bytes_of_size; i-- > 0;) {
        out.push_back(static_cast<std::uint8_t>(size >> (8 * i)));
      }
    }
    out.insert(out.end(), content.begin(), content.end());
  }
};

}  // namespace detail

/// Returns the first value of `in`, which is in BER (X.690), with each indefinite length replaced
/// by a definite one. The content of an OCTET STRING is not changed. This is needed because Botan's
/// decoder misreads nested indefinite lengths, and takes time that grows with the square of their
/// number. Throws `std::invalid_argument` if the value is malformed.
inline Botan::secure_vector<std::uint8_t> with_definite_lengths(byte_view in) {
  Botan::secure_vector<std::uint8_t> out;
  out.reserve(in.size());
  detail::length_rewriter::take_value(in, out);
  return out;
}

}  // namespace rathole::tls
