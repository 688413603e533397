#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/cursor.hpp>
#include <rathole/core/endian.hpp>
#include <rathole/core/result.hpp>
#include <rathole/mux/constants.hpp>
#include <rathole/mux/settings.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace rathole::mux {

/// The variant of the Hello that begins multiplexing; wire version 1 has the variants 0 and 1.
inline constexpr std::uint32_t hello_variant = 2;

/// The version of multiplexing that this library speaks.
inline constexpr std::uint8_t hello_version = 1;

/// The size of a Hello, in bytes: that of wire version 1.
inline constexpr std::size_t hello_size = 37;

/// A Hello as it is sent.
using encoded_hello = std::array<std::uint8_t, hello_size>;

/// Encodes the Hello that each side sends before the first frame: the variant (4 bytes,
/// little-endian, as in wire version 1), the version, and 32 bytes of parameters: the initial
/// window and the greatest number of streams, 4 bytes each, little-endian; the others are 0.
inline encoded_hello encode_hello(const parameters& in) {
  encoded_hello out{};
  const std::span view(out);
  store_le(hello_variant, view.subspan<0, 4>());
  out[4] = hello_version;
  store_le(in.initial_window, view.subspan<5, 4>());
  store_le(in.max_streams, view.subspan<9, 4>());
  return out;
}

/// Decodes a Hello. Fails with `malformed_message` if the size, the variant or a parameter is not
/// allowed, or a byte that must be 0 is not, and with `protocol_version_mismatch` for another
/// version.
inline result<parameters> decode_hello(byte_view in) {
  if (in.size() != hello_size) return failure(errc::malformed_message);
  cursor fields(in);
  if (fields.number_le<std::uint32_t>() != hello_variant) return failure(errc::malformed_message);
  if (fields.byte() != hello_version) return failure(errc::protocol_version_mismatch);
  parameters out;
  out.initial_window = fields.number_le<std::uint32_t>();
  out.max_streams = fields.number_le<std::uint32_t>();
  const bool is_allowed = out.initial_window >= min_initial_window &&
                          out.initial_window <= max_window && out.max_streams >= 1 &&
                          out.max_streams <= max_streams_limit &&
                          std::ranges::all_of(fields.rest(), [](auto byte) { return byte == 0; });
  if (!is_allowed) return failure(errc::malformed_message);
  return out;
}

}  // namespace rathole::mux
