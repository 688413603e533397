#pragma once

#include "check.hpp"

#include <rathole/core/bytes.hpp>
#include <rathole/core/result.hpp>

#include <algorithm>

namespace rathole::fuzz {

/// Whatever decodes is what its encoding says; without its last byte it does not decode; and what
/// does not decode has the codec's errors.
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
