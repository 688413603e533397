#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/websocket/layer.hpp>

#include <cstdint>
#include <string_view>

/// The two ends of WebSocket, deterministic.
namespace rathole::fuzz {

/// Generates the bytes 1, 2, 3, and so on.
struct counting_rng {
  std::uint8_t next = 1;
  void fill(byte_span out) {
    for (std::uint8_t& byte : out) byte = next++;
  }
};

using websocket_layer = websocket::layer<counting_rng>;

/// The request of a client, and the response of the server.
inline constexpr std::string_view upgrade_request =
    "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n\r\n";
inline constexpr std::string_view upgrade_answer =
    "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
    "sec-websocket-accept: C/0nmHhBztSRGR1CwL6Tf4ZjwpY=\r\n\r\n";

}  // namespace rathole::fuzz
