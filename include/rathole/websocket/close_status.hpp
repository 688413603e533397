#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/endian.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/utf8.hpp>
#include <rathole/websocket/error.hpp>

#include <cstdint>
#include <string_view>
#include <system_error>

// The payload of a Close frame (RFC 6455 section 5.5.1): empty, or a status code of two bytes and a
// reason in UTF-8.

namespace rathole::websocket {

/// Returns whether a status code may be sent (RFC 6455 section 7.4): the protocol's codes that IANA
/// has registered, except for 1004, 1005, 1006 and 1015, which never appear in a frame, and those
/// for libraries, frameworks and applications (3000 to 4999).
constexpr bool may_be_sent(std::uint16_t code) {
  if (code >= 3000) return code < 5000;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

/// Returns no error if a Close with this payload is an orderly end of the peer's direction: an
/// empty Close, 1000 (normal closure) or 1001 (going away). With any other status code the
/// connection is broken, because a transfer that the peer gave up must not look complete.
///
/// The error is one of `close_category`, or `errc::malformed_message` for a payload of one byte, a
/// code that may not be sent, or a reason that is not UTF-8.
inline std::error_code validate_close(byte_view payload) {
  if (payload.empty()) return {};
  if (payload.size() < 2) return errc::malformed_message;
  const auto code = load_be<std::uint16_t>(payload.first<2>());
  const byte_view reason = payload.subspan(2);
  const std::string_view text(reinterpret_cast<const char*>(reason.data()), reason.size());
  if (!may_be_sent(code) || !is_utf8(text)) return errc::malformed_message;
  if (code == 1000 || code == 1001) return {};
  return {code, close_category()};
}

}  // namespace rathole::websocket
