#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/result.hpp>
#include <rathole/protocol/messages.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace rathole::protocol {

/// The octets of `N` that a message of fixed size becomes.
template <std::size_t N>
using encoded = std::array<std::uint8_t, N>;

/// How messages become octets and back. Every message has a fixed size that its reader knows.
///
/// `decode_*` takes at least that many octets and ignores what follows. Errors:
/// `malformed_message` for too few octets or a variant that does not exist; for a Hello also
/// `protocol_version_mismatch`.
template <class C>
concept Codec = requires(byte_view in, const hello& greeting, const digest& session_key,
                         ack verdict, control_command control, data_command data) {
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
};

}  // namespace rathole::protocol
