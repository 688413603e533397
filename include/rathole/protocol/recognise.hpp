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

/// What the first bytes of a connection look like.
enum class wire_look : std::uint8_t {
  /// None of the others.
  other = 0,
  /// A record of TLS (RFC 8446 section 5.1).
  tls,
  /// A request or a response of HTTP/1 (RFC 9112), which WebSocket begins with.
  http,
  /// A Hello of wire version 1 or a later one, on a bare connection.
  hello,
  /// The length of a first message of Noise as upstream frames it. A guess: other bytes may look so.
  noise,
};

/// Bytes that `recognise` needs. Whatever it recognises begins with a longer message.
inline constexpr std::size_t look_size = 5;

namespace detail {

inline bool begins_http(std::string_view first) {
  // What follows a shorter method is its blank.
  constexpr std::array<std::string_view, 10> beginnings = {
      "HTTP/", "GET /", "GET h", "POST ", "HEAD ", "PUT /", "OPTIO", "CONNE", "DELET", "PATCH"};
  return std::ranges::find(beginnings, first) != beginnings.end();
}

}  // namespace detail

/// Returns what a connection looks like that begins with `first`, of which `look_size` bytes count;
/// `other` for fewer.
inline wire_look recognise(byte_view first) {
  if (first.size() < look_size) return wire_look::other;
  // Change of cipher spec to application data, of SSL 3.0 to TLS 1.3.
  if (first[0] >= 0x14 && first[0] <= 0x17 && first[1] == 3 && first[2] <= 4) return wire_look::tls;
  if (detail::begins_http({reinterpret_cast<const char*>(first.data()), look_size})) {
    return wire_look::http;
  }
  const bool has_rest_of_variant = first[1] == 0 && first[2] == 0 && first[3] == 0;
  if (first[0] <= 1 && has_rest_of_variant) return wire_look::hello;
  // A first message holds a key of 32 bytes at least, and for all patterns less than 256.
  if (first[0] >= 32 && first[1] == 0 && !(first[2] == 0 && first[3] == 0)) return wire_look::noise;
  return wire_look::other;
}

/// The category of errors that say what a peer speaks where something else was expected; the value is
/// a `wire_look` other than `other`. Its name is "rathole.peer".
inline const std::error_category& look_category() noexcept {
  struct category final : std::error_category {
    const char* name() const noexcept override { return "rathole.peer"; }
    std::string message(int value) const override {
      switch (static_cast<wire_look>(value)) {
        case wire_look::tls: return "the peer speaks TLS";
        case wire_look::http: return "the peer speaks HTTP";
        case wire_look::hello: return "the peer speaks the protocol without a transport around it";
        case wire_look::noise: return "the peer seems to speak Noise";
        case wire_look::other: break;
      }
      return "the peer speaks something else";
    }
  };
  static const category instance;
  return instance;
}

/// Makes the error of a connection whose peer spoke `look`, which is not `other`.
inline std::error_code spoke(wire_look look) noexcept {
  return {static_cast<int>(look), look_category()};
}

/// Returns the error of a connection that is to begin with a Hello and begins with `first`, if that is
/// of another protocol; no error for fewer bytes than `look_size`.
inline std::error_code other_protocol(byte_view first) {
  const wire_look look = recognise(first);
  if (look == wire_look::other || look == wire_look::hello) return {};
  return spoke(look);
}

}  // namespace rathole::protocol
