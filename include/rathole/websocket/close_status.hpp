#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/endian.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/utf8.hpp>
#include <rathole/websocket/error.hpp>

#include <cstdint>
#include <string_view>
#include <system_error>

/// The payload of a Close frame (RFC 6455 section 5.5.1): nothing, or a status code of two bytes and
/// a reason in UTF-8.
namespace rathole::websocket {

/// Returns whether a status code may be sent (RFC 6455 section 7.4): the codes of the protocol that
/// IANA has registered, but for 1004, 1005, 1006 and 1015, which never appear in a frame, and those
/// of libraries, frameworks and applications (3000 to 4999).
constexpr bool may_be_sent(std::uint16_t code) {
  if (code >= 3000) return code < 5000;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

/// Returns what a Close with this payload says: no error if it is the orderly end of the peer's
/// sending, which is an empty Close, 1000 (normal closure) and 1001 (going away). With any other
/// status code the connection is broken: a transfer that the peer gave up must not look finished.
///
/// Errors: of `close_category`; `errc::malformed_message` for a payload of one byte, a code that may
/// not be sent, and a reason that is not UTF-8.
inline std::error_code judge_close(byte_view payload) {
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
