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

/// The `N` bytes of an encoded message of fixed size.
template <std::size_t N>
using encoded = std::array<std::uint8_t, N>;

/// Converts between messages and bytes. Every message except the UDP frame has a fixed size, which
/// its reader knows.
///
/// Each `decode_*` takes at least that many bytes and ignores the rest. It fails with
/// `malformed_message` for too few bytes or an unknown variant; for a Hello also with
/// `protocol_version_mismatch`.
///
/// `append_udp_frame` appends the frame of a payload of at most 65,535 bytes. `decode_udp_frame`
/// returns the frame at the front of `in`, whose payload is a view of `in`, or nothing while the
/// frame is incomplete. It fails with `malformed_message`, at the latest when the header is
/// complete.
template <class C>
concept Codec = requires(byte_view in, const hello& hello_message, const digest& session_key,
                         ack verdict, control_command control, data_command data,
                         const ip_endpoint& visitor, byte_buffer& out) {
  { C::encode_hello(hello_message) } -> std::same_as<encoded<C::hello_size>>;
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
