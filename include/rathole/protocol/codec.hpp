#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/result.hpp>
#include <rathole/protocol/messages.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace rathole::protocol {

/// The octets of `N` that a message of fixed size becomes.
template <std::size_t N>
using encoded = std::array<std::uint8_t, N>;

/// How messages become octets and back. Every message has a fixed size that its reader knows.
///
/// `decode_*` takes at least that many octets and ignores what follows. Errors:
/// `malformed_message` for too few octets or a variant that does not exist; for a Hello also
/// `protocol_version_mismatch`.
///
/// A UDP frame has no fixed size: `append_udp_frame` adds one for a payload of at most 65,535
/// octets; `decode_udp_frame` yields the one at the front, whose payload is a view of `in`, or
/// nothing while it is not all there. It fails with `malformed_message`, at the latest once the header
/// is there.
template <class C>
concept Codec = requires(byte_view in, const hello& greeting, const digest& session_key,
                         ack verdict, control_command control, data_command data,
                         const udp_endpoint& visitor, byte_buffer& out) {
  { C::encode_hello(greeting) } -> std::same_as<encoded<C::hello_size>>;
  { C::encode_auth(session_key) } -> std::same_as<encoded<C::auth_size>>;
  { C::encode_ack(verdict) } -> std::same_as<encoded<C::ack_size>>;
  { C::encode_control_command(control) } -> std::same_as<encoded<C::control_command_size>>;
  { C::encode_data_command(data) } -> std::same_as<encoded<C::data_command_size>>;
  { C::decode_hello(in) } -> std::same_as<result<hello>>;
  { C::decode_auth(in) } -> std::same_as<result<digest>>;
  { C::decode_ack(in) } -> std::same_as<result<ack>>;
  { C::decode_control_command(in) } -> std::same_as<result<control_command>>;
  { C::decode_data_command(in) } -> std::same_as<result<data_command>>;
  { C::append_udp_frame(visitor, in, out) } -> std::same_as<void>;
  { C::decode_udp_frame(in) } -> std::same_as<result<std::optional<udp_frame>>>;
};

}  // namespace rathole::protocol
