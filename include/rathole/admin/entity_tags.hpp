#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/hex.hpp>
#include <rathole/crypto/hmac.hpp>
#include <rathole/crypto/sha256.hpp>
#include <rathole/crypto/system_rng.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace rathole::admin {

/// Makes strong entity tags (RFC 9110, section 8.8.3) of texts that may have secrets: nobody can try guesses of
/// a secret on them, because they depend on a random key. They differ after the program has been started again.
class entity_tags {
 public:
  /// Draws the key.
  entity_tags() { crypto::system_rng().fill(key_); }

  /// Returns the tag of `text`, with its quotes.
  [[nodiscard]] std::string of(std::string_view text) const {
    constexpr std::size_t size = 16;
    const auto digest = crypto::hmac<crypto::sha256>(key_, {byte_view_of(text)});
    return '"' + to_hex(byte_view(digest).first(size)) + '"';
  }

 private:
  std::array<std::uint8_t, 32> key_{};
};

}  // namespace rathole::admin
