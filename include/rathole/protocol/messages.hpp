#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/protocol/constants.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace rathole::protocol {

/// A SHA-256 digest, or a nonce of the same size.
using digest = std::array<std::uint8_t, digest_size>;

/// The purpose of a connection.
enum class hello_kind : std::uint8_t {
  /// The connection is a control channel.
  control,
  /// The connection is a data channel.
  data,
  /// The connection carries many streams, each of which begins as a connection does. Not in
  /// upstream.
  multiplexed,
};

/// The first message in either direction.
struct hello {
  /// What the connection is for.
  hello_kind kind;
  /// From a client, on a control channel: the digest of the service name. From a client, on a data
  /// channel: the session key of its control channel. From the server: its nonce. On a multiplexed
  /// connection: the parameters of `mux/hello.hpp`.
  protocol::digest digest;

  /// Compares all members.
  bool operator==(const hello&) const = default;
};

/// The server's response to a client that asks for a control channel.
enum class ack : std::uint8_t {
  /// The client is accepted.
  ok,
  /// The server has no service with that digest.
  service_not_exist,
  /// The client does not know the token of the service.
  authentication_failed,
  /// The client knows the token, but the service takes no more clients now. Compat: upstream, which never
  /// sends it, cannot decode it, and tries again as after any other failure. Not in upstream.
  service_in_use,
};

/// A command of the server on an established control channel.
enum class control_command : std::uint8_t {
  /// The client must open one more data channel.
  create_data_channel,
  /// Nothing is to be done; the command shows that the server is alive.
  heartbeat,
};

/// The command of the server on a data channel once it is matched with a visitor.
enum class data_command : std::uint8_t {
  /// The channel carries the bytes of one TCP visitor from here on.
  start_forward_tcp,
  /// The channel carries UDP frames from here on.
  start_forward_udp,
};

/// A datagram from or to a visitor, on a data channel that carries UDP. In both directions the
/// address is that of the visitor as the server sees it.
struct udp_frame {
  /// The address of the visitor.
  ip_endpoint visitor;
  /// The payload; a view that the frame does not own.
  byte_view payload;
  /// The size of the whole frame on the wire, in bytes.
  std::size_t size;
};

}  // namespace rathole::protocol
