#pragma once

#include "check.hpp"

#include <rathole/core/bytes.hpp>
#include <rathole/core/result.hpp>

#include <algorithm>

namespace rathole::fuzz {

/// Checks that whatever decodes is encoded as the same bytes; that it does not decode without its
/// last byte; and that other input fails with the codec's errors.
template <class Decode, class Encode>
void check_canonical(byte_view in, Decode decode, Encode encode) {
  const auto decoded = decode(in);
  if (!decoded) {
    check(decoded.error() == errc::malformed_message ||
          decoded.error() == errc::protocol_version_mismatch);
    return;
  }
  const auto encoded = encode(*decoded);
  check(in.size() >= encoded.size());
  check(std::ranges::equal(encoded, in.first(encoded.size())));
  const auto cut = decode(byte_view(encoded).first(encoded.size() - 1));
  check(!cut && cut.error() == errc::malformed_message);
}

}  // namespace rathole::fuzz
