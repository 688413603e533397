#pragma once

#include <rathole/protocol/constants.hpp>

#include <array>
#include <cstdint>

namespace rathole::protocol {

/// SHA-256 of something, or a nonce of the same size.
using digest = std::array<std::uint8_t, digest_size>;

/// What a connection is for.
enum class hello_kind : std::uint8_t {
  control,
  data,
};

/// The first message in either direction.
struct hello {
  hello_kind kind;
  /// Client, control: the digest of the service name. Server: its nonce. Client, data: the session
  /// key of the control channel that the data channel belongs to.
  protocol::digest digest;

  bool operator==(const hello&) const = default;
};

/// The server's verdict on a control channel.
enum class ack : std::uint8_t {
  ok,
  service_not_exist,
  authentication_failed,
};

/// What the server commands on an established control channel.
enum class control_command : std::uint8_t {
  /// Open one more data channel.
  create_data_channel,
  /// Nothing: the server lives.
  heartbeat,
};

/// What the server commands on a data channel once it is matched with a visitor.
enum class data_command : std::uint8_t {
  start_forward_tcp,
  start_forward_udp,
};

}  // namespace rathole::protocol
