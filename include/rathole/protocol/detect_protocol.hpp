#pragma once

#include <rathole/core/bytes.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace rathole::protocol {

/// The protocol that the first bytes of a connection look like.
enum class wire_protocol : std::uint8_t {
  /// None of the others.
  other = 0,
  /// A TLS record (RFC 8446 section 5.1).
  tls,
  /// An HTTP/1 request or response (RFC 9112), with which WebSocket also begins.
  http,
  /// A Hello of wire version 1 or a later one, without a transport around it.
  hello,
  /// The length of a first Noise message as upstream frames it. This is a guess: other bytes may
  /// look the same.
  noise,
};

/// The number of bytes that `detect_protocol` needs. The first message of every protocol that it
/// recognises is longer.
inline constexpr std::size_t detection_size = 5;

namespace detail {

/// Returns whether an HTTP/1 message may begin with `first`, which has `detection_size` bytes.
inline bool begins_http(std::string_view first) {
  // A method of fewer than five letters is followed by a space and the first character of the
  // target.
  constexpr std::array<std::string_view, 10> beginnings = {
      "HTTP/", "GET /", "GET h", "POST ", "HEAD ", "PUT /", "OPTIO", "CONNE", "DELET", "PATCH"};
  return std::ranges::find(beginnings, first) != beginnings.end();
}

}  // namespace detail

/// Returns which protocol a connection looks like that begins with `first`. Only the first
/// `detection_size` bytes count; with fewer bytes the result is `other`.
inline wire_protocol detect_protocol(byte_view first) {
  if (first.size() < detection_size) return wire_protocol::other;
  // Content types change_cipher_spec to application_data, in the versions SSL 3.0 to TLS 1.3.
  if (first[0] >= 0x14 && first[0] <= 0x17 && first[1] == 3 && first[2] <= 4)
    return wire_protocol::tls;
  if (detail::begins_http({reinterpret_cast<const char*>(first.data()), detection_size})) {
    return wire_protocol::http;
  }
  const bool has_rest_of_variant = first[1] == 0 && first[2] == 0 && first[3] == 0;
  if (first[0] <= 2 && has_rest_of_variant) return wire_protocol::hello;
  // In all patterns the first message holds a key of at least 32 bytes, and is shorter than 256
  // bytes.
  if (first[0] >= 32 && first[1] == 0 && !(first[2] == 0 && first[3] == 0))
    return wire_protocol::noise;
  return wire_protocol::other;
}

/// Returns the category of errors that say which protocol a peer speaks where another was expected.
/// The value is a `wire_protocol` other than `other`; the name is "rathole.peer".
inline const std::error_category& wire_protocol_category() noexcept {
  struct category final : std::error_category {
    const char* name() const noexcept override { return "rathole.peer"; }
    std::string message(int value) const override {
      switch (static_cast<wire_protocol>(value)) {
        case wire_protocol::tls: return "the peer speaks TLS";
        case wire_protocol::http: return "the peer speaks HTTP";
        case wire_protocol::hello:
          return "the peer speaks the protocol without a transport around it";
        case wire_protocol::noise: return "the peer seems to speak Noise";
        case wire_protocol::other: break;
      }
      return "the peer speaks something else";
    }
  };
  static const category instance;
  return instance;
}

/// Returns the error of a connection whose peer spoke `detected`, which must not be `other`.
inline std::error_code wrong_protocol(wire_protocol detected) noexcept {
  return {static_cast<int>(detected), wire_protocol_category()};
}

/// Returns the error of a connection that must begin with a Hello and begins with `first` instead,
/// if that looks like another protocol. Returns no error for a Hello, for unknown bytes, and for
/// fewer than `detection_size` bytes.
inline std::error_code other_protocol(byte_view first) {
  const wire_protocol detected = detect_protocol(first);
  if (detected == wire_protocol::other || detected == wire_protocol::hello) return {};
  return wrong_protocol(detected);
}

}  // namespace rathole::protocol
