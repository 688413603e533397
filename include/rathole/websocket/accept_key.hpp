#pragma once

#include <rathole/core/base64.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/crypto/sha1.hpp>

#include <string>
#include <string_view>

namespace rathole::websocket {

/// Returns the value of `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (RFC 6455 section 4.2.2,
/// step 5.4). It proves only that the server speaks WebSocket.
inline std::string accept_key(std::string_view key) {
  std::string text(key);
  text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  return to_base64(crypto::sha1(byte_view_of(text)));
}

}  // namespace rathole::websocket
