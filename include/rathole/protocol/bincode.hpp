#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/cursor.hpp>
#include <rathole/core/endian.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/core/result.hpp>
#include <rathole/protocol/codec.hpp>
#include <rathole/protocol/constants.hpp>
#include <rathole/protocol/messages.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace rathole::protocol {

/// Encodes and decodes wire version 1; models `Codec`.
///
/// Compat: this is the default encoding of the Rust crate bincode 1.x. An enumeration is the index
/// of its variant as a little-endian `u32`; fields follow without names, lengths or padding.
struct bincode {
  /// The size of an encoded variant, in bytes.
  static constexpr std::size_t variant_size = 4;
  /// The size of an encoded Hello, in bytes.
  static constexpr std::size_t hello_size = variant_size + 1 + digest_size;
  /// The size of an encoded Auth, in bytes.
  static constexpr std::size_t auth_size = digest_size;
  /// The size of an encoded Ack, in bytes.
  static constexpr std::size_t ack_size = variant_size;
  /// The size of an encoded control command, in bytes.
  static constexpr std::size_t control_command_size = variant_size;
  /// The size of an encoded data command, in bytes.
  static constexpr std::size_t data_command_size = variant_size;

  /// Encodes a Hello: the variant, `wire_version` and the digest.
  static encoded<hello_size> encode_hello(const hello& message) {
    encoded<hello_size> out;
    const std::span view(out);
    store_variant(message.kind, view.first<variant_size>());
    out[variant_size] = wire_version;
    std::ranges::copy(message.digest, view.last<digest_size>().begin());
    return out;
  }

  /// Encodes an Auth: the session key.
  static encoded<auth_size> encode_auth(const digest& session_key) { return session_key; }
  /// Encodes an Ack.
  static encoded<ack_size> encode_ack(ack message) { return encode_variant(message); }
  /// Encodes a command of the control channel.
  static encoded<control_command_size> encode_control_command(control_command message) {
    return encode_variant(message);
  }
  /// Encodes a command of a data channel.
  static encoded<data_command_size> encode_data_command(data_command message) {
    return encode_variant(message);
  }

  /// Decodes a Hello. Fails with `malformed_message` or `protocol_version_mismatch`.
  static result<hello> decode_hello(byte_view in) {
    cursor fields(in);
    const auto variant = fields.number_le<std::uint32_t>();
    const std::uint8_t version = fields.byte();
    const digest value = fields.bytes<digest_size>();
    if (!fields.ok() || variant > last(hello_kind::multiplexed))
      return failure(errc::malformed_message);
    if (version != wire_version) return failure(errc::protocol_version_mismatch);
    return hello{static_cast<hello_kind>(variant), value};
  }

  /// Decodes an Auth. Fails with `malformed_message`.
  static result<digest> decode_auth(byte_view in) {
    cursor fields(in);
    const digest value = fields.bytes<digest_size>();
    if (!fields.ok()) return failure(errc::malformed_message);
    return value;
  }

  /// Decodes an Ack. Fails with `malformed_message`.
  static result<ack> decode_ack(byte_view in) { return decode_variant<ack::service_in_use>(in); }
  /// Decodes a command of the control channel. Fails with `malformed_message`.
  static result<control_command> decode_control_command(byte_view in) {
    return decode_variant<control_command::heartbeat>(in);
  }
  /// Decodes a command of a data channel. Fails with `malformed_message`.
  static result<data_command> decode_data_command(byte_view in) {
    return decode_variant<data_command::start_forward_udp>(in);
  }

  /// Appends a UDP frame. Compat: the size of the header comes first (upstream's `hdr_len`), then
  /// the address in network byte order, its port in little-endian, the length of the payload, and
  /// the payload.
  static void append_udp_frame(const ip_endpoint& visitor, byte_view payload, byte_buffer& out) {
    const std::size_t ip_size = visitor.is_v6 ? 16 : 4;
    const std::size_t header_size = variant_size + ip_size + 4;
    const byte_span frame = out.prepare(1 + header_size + payload.size());
    std::uint8_t* at = frame.data();
    *at++ = static_cast<std::uint8_t>(header_size);
    store_le(std::uint32_t{visitor.is_v6}, std::span<std::uint8_t, 4>(at, 4));
    std::memcpy(at + variant_size, visitor.ip.data(), ip_size);
    at += variant_size + ip_size;
    store_le(visitor.port, std::span<std::uint8_t, 2>(at, 2));
    store_le(static_cast<std::uint16_t>(payload.size()), std::span<std::uint8_t, 2>(at + 2, 2));
    if (!payload.empty()) std::memcpy(at + 4, payload.data(), payload.size());
    out.commit(1 + header_size + payload.size());
  }

  /// Decodes the UDP frame at the front of `in`, as `Codec` describes. Bytes of the header after
  /// the known fields are ignored.
  static result<std::optional<udp_frame>> decode_udp_frame(byte_view in) {
    if (in.empty()) return std::nullopt;
    const std::size_t header_size = in[0];
    if (header_size < udp_header_size_v4) return failure(errc::malformed_message);
    if (in.size() < 1 + header_size) return std::nullopt;
    cursor header(in.subspan(1, header_size));
    const auto variant = header.number_le<std::uint32_t>();
    if (variant > 1) return failure(errc::malformed_message);
    udp_frame out{};
    out.visitor.is_v6 = variant == 1;
    const byte_view ip = header.view(out.visitor.is_v6 ? 16 : 4);
    if (ip.empty()) return failure(errc::malformed_message);
    std::memcpy(out.visitor.ip.data(), ip.data(), ip.size());
    out.visitor.port = header.number_le<std::uint16_t>();
    const std::size_t length = header.number_le<std::uint16_t>();
    if (!header.ok()) return failure(errc::malformed_message);
    out.size = 1 + header_size + length;
    if (in.size() < out.size) return std::nullopt;
    out.payload = in.subspan(1 + header_size, length);
    return out;
  }

 private:
  static constexpr std::size_t udp_header_size_v4 = variant_size + 4 + 2 + 2;

  static std::uint32_t last(auto variant) { return static_cast<std::uint32_t>(variant); }

  static void store_variant(auto variant, std::span<std::uint8_t, variant_size> out) {
    store_le(static_cast<std::uint32_t>(variant), out);
  }

  static encoded<variant_size> encode_variant(auto variant) {
    encoded<variant_size> out;
    store_variant(variant, out);
    return out;
  }

  template <auto Last>
  static result<decltype(Last)> decode_variant(byte_view in) {
    cursor fields(in);
    const auto variant = fields.number_le<std::uint32_t>();
    if (!fields.ok() || variant > last(Last)) return failure(errc::malformed_message);
    return static_cast<decltype(Last)>(variant);
  }
};

}  // namespace rathole::protocol
