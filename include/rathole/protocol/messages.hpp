#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/udp_endpoint.hpp>
#include <rathole/protocol/constants.hpp>

#include <array>
#include <cstddef>
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

/// A visitor's datagram, or one for him, on a data channel that carries UDP. The address is the
/// visitor's as the server sees it, in both directions.
struct udp_frame {
  udp_endpoint visitor;
  byte_view payload;
  /// Octets that the frame takes on the wire.
  std::size_t size;
};

}  // namespace rathole::protocol
