#pragma once

#include <rathole/core/base64.hpp>
#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/result.hpp>
#include <rathole/http/head.hpp>
#include <rathole/http/head_writer.hpp>
#include <rathole/websocket/accept_key.hpp>
#include <rathole/websocket/error.hpp>
#include <rathole/websocket/settings.hpp>

#include <string>
#include <string_view>
#include <system_error>

// The opening handshake (RFC 6455 section 4).

namespace rathole::websocket {

/// Appends the request of a client; `key` is the base64 of 16 random bytes. Compat: the order and
/// spelling of upstream, byte for byte without further settings.
inline void write_request(const client_settings& settings, std::string_view key, byte_buffer& out) {
  auto head = http::head_writer::request(out, "GET", settings.path);
  head.field("Host", settings.host)
      .field("Connection", "Upgrade")
      .field("Upgrade", "websocket")
      .field("Sec-WebSocket-Version", "13")
      .field("Sec-WebSocket-Key", key);
  for (const auto& [name, value] : settings.headers) head.field(name, value.view());
  head.finish();
}

/// Returns no error if `answer` accepts the request that had `key`.
///
/// The error is one of `answer_category` for a status other than 101, `malformed_http`, or
/// `upgrade_refused`. Compat: `Connection` may list more than "Upgrade", where upstream accepts
/// that alone.
inline std::error_code check_response(const http::head& answer, std::string_view key) {
  const auto line = http::parse_status_line(answer.start_line);
  if (!line) return line.error();
  if (line->status != 101) return {line->status, answer_category()};
  const std::string* upgrade = answer.only("Upgrade");
  const std::string* accept = answer.only("Sec-WebSocket-Accept");
  if (upgrade == nullptr || !http::same_ignoring_case(*upgrade, "websocket") ||
      !answer.lists("Connection", "Upgrade") || accept == nullptr || *accept != accept_key(key) ||
      answer.has("Sec-WebSocket-Extensions")) {
    return errc::upgrade_refused;
  }
  return {};
}

/// Returns whether `text` is a valid `Sec-WebSocket-Key`: 16 bytes in base64 with padding (RFC 6455
/// section 4.2.1).
inline bool is_key(std::string_view text) {
  if (text.size() != 24) return false;
  const auto decoded = from_base64(text);
  return decoded && decoded->size() == 16;
}

/// Returns the status with which a server responds to `request`: 101 to accept it, 404 if it is for
/// another path than the one that is served, 426 if it does not ask for version 13 of WebSocket,
/// and 400 for any other fault. Compat: the key must be the base64 of 16 bytes (RFC 6455 section
/// 4.1), where upstream accepts any.
inline int check_request(const http::head& request, const server_settings& settings) {
  const auto line = http::parse_request_line(request.start_line);
  if (!line || line->method != "GET" || line->minor < 1) return 400;
  const std::string_view path = line->target.substr(0, line->target.find('?'));
  if (settings.path && line->target != *settings.path && path != *settings.path) return 404;
  const std::string* version = request.only("Sec-WebSocket-Version");
  if (!request.lists("Upgrade", "websocket") || !request.lists("Connection", "Upgrade") ||
      version == nullptr || *version != "13") {
    return 426;
  }
  const std::string* key = request.only("Sec-WebSocket-Key");
  return key != nullptr && is_key(*key) ? 101 : 400;
}

/// Appends the response of a server that accepts a request with `key`. Compat: the order and
/// spelling of upstream, byte for byte.
inline void write_response(std::string_view key, byte_buffer& out) {
  http::head_writer::response(out, 101)
      .field("connection", "Upgrade")
      .field("upgrade", "websocket")
      .field("sec-websocket-accept", accept_key(key))
      .finish();
}

/// Appends the response of a server that refuses a request, with the status of `check_request`.
/// Compat: upstream sends no response.
inline void write_refusal(int status, byte_buffer& out) {
  auto head = http::head_writer::response(out, status);
  if (status == 426) {
    head.field("connection", "Upgrade, close")
        .field("upgrade", "websocket")
        .field("sec-websocket-version", "13");
  } else {
    head.field("connection", "close");
  }
  head.field("content-length", "0").finish();
}

}  // namespace rathole::websocket
