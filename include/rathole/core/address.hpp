#pragma once

#include <rathole/core/ip_literal.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/socket_permissions.hpp>

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace rathole {

/// How the text of the address of a Unix-domain socket begins. Not in upstream.
inline constexpr std::string_view unix_prefix = "unix:";
/// The longest path or abstract name of a Unix-domain socket (unix(7)), in bytes.
inline constexpr std::size_t max_unix_path = 107;

/// The longest host name (RFC 1035 section 2.3.4: 255 bytes as DNS encodes it), in bytes, without the dot of the
/// root at its end; with its zone an IPv6 address is no longer either.
inline constexpr std::size_t max_host_name = 253;

/// An address to listen on or to connect to: a host name or an IP literal, and a port; or a Unix-domain
/// socket. An IPv6 literal is stored without its brackets.
struct address {
  /// Makes an empty address.
  address() = default;
  /// Makes an address of its parts.
  address(std::string name, std::uint16_t number) : host(std::move(name)), port(number) {}
  /// Parses `host:port`, a string of any kind, for settings: text that is no address makes an empty
  /// one, which `config::settings_problems` reports. See `parse_address`, which returns an error.
  template <std::convertible_to<std::string_view> Text>
  address(const Text& text);

  /// The host name or the IP literal; or `unix:` and the path of a Unix-domain socket or, after an `@`, its
  /// abstract name. The peer of such a socket is just `unix:`.
  std::string host = {};
  /// The port; 0 lets the operating system choose one when listening, and is that of Unix-domain sockets.
  std::uint16_t port = 0;
  /// Who may connect, if the address is that of a Unix-domain socket to listen on.
  socket_permissions permissions = {};

  /// Returns whether this is the address of a Unix-domain socket.
  [[nodiscard]] bool is_unix() const { return host.starts_with(unix_prefix); }
  /// Returns the path, or the abstract name with its `@`, of a Unix-domain socket; empty for other
  /// addresses. It is valid as long as the address does not change.
  [[nodiscard]] std::string_view unix_path() const {
    return is_unix() ? std::string_view(host).substr(unix_prefix.size()) : std::string_view();
  }
  /// Returns whether this is the address of a Unix-domain socket that has a file.
  [[nodiscard]] bool has_socket_file() const {
    return !unix_path().empty() && !unix_path().starts_with('@');
  }

  /// Compares all members.
  [[nodiscard]] bool operator==(const address&) const = default;
};

namespace detail {

/// Returns whether `text` has the form of a host name: letters, digits, '-', '_', '.' and non-ASCII
/// bytes. The resolver judges the non-ASCII bytes.
inline bool is_host_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool is_digit = c >= '0' && c <= '9';
    return is_letter || is_digit || c == '-' || c == '_' || c == '.' ||
           static_cast<unsigned char>(c) >= 0x80;
  });
}

/// Returns whether `text` is an IPv6 address, with or without a zone after a '%' (RFC 4007 section
/// 11).
inline bool is_ipv6_host(std::string_view text) {
  const auto percent = text.find('%');
  if (!parse_ipv6(text.substr(0, percent))) return false;
  if (percent == std::string_view::npos) return true;
  const std::string_view zone = text.substr(percent + 1);
  return !zone.empty() && std::ranges::all_of(zone, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != 0x7f && c != '[' && c != ']' && c != '/' && c != '%';
  });
}

}  // namespace detail

/// Returns whether `text` is one of an address of a Unix-domain socket. `unix:` and a number is the host `unix`
/// with a port.
inline bool is_unix_text(std::string_view text) {
  if (!text.starts_with(unix_prefix)) return false;
  const auto path = text.substr(unix_prefix.size());
  return path.empty() || path.find_first_not_of("0123456789") != path.npos;
}

/// Returns the address of the Unix-domain socket at `path`, or with the abstract name behind an `@`. Fails with
/// `errc::invalid_address` if it is empty, longer than `max_unix_path`, or has a NUL.
inline result<address> unix_address(std::string_view path) {
  const bool is_name = path.starts_with('@');
  const bool fits = path.size() > (is_name ? 1 : 0) && path.size() <= max_unix_path;
  if (!fits || path.contains('\0')) return failure(errc::invalid_address);
  return address{std::string(unix_prefix) + std::string(path), 0};
}

/// Returns whether a socket at `a` is at `b`, too: they differ at most in their permissions.
inline bool same_place(const address& a, const address& b) {
  return a.host == b.host && a.port == b.port;
}

/// Parses `host:port`, separated at the last ':'. The port is a decimal number from 0 to 65535. The
/// host is an IPv4 address, an IPv6 address with or without brackets and with or without a zone
/// (`[::1]:80`, `::1:80`, `fe80::1%eth0:80`), or a name. The characters of a name are checked; the
/// name is not looked up, and has at most `max_host_name` bytes. `unix:` and a path, or `unix:@` and an abstract name, is a Unix-domain socket.
/// Compat: upstream accepts IPv6 addresses without brackets too.
///
/// Fails with `errc::invalid_address`.
inline result<address> parse_address(std::string_view text) {
  if (is_unix_text(text)) return unix_address(text.substr(unix_prefix.size()));
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return failure(errc::invalid_address);
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);

  const bool is_bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  // The dot of the root at the end counts as none.
  if (host.size() > max_host_name + (host.ends_with('.') ? 1 : 0)) {
    return failure(errc::invalid_address);
  }
  const bool is_ipv6 = detail::is_ipv6_host(host);
  if (!is_ipv6 && (is_bracketed || !detail::is_host_name(host))) {
    return failure(errc::invalid_address);
  }

  std::uint16_t port = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (ec != std::errc{} || end != digits.data() + digits.size()) {
    return failure(errc::invalid_address);
  }
  return address{std::string(host), port};
}

template <std::convertible_to<std::string_view> Text>
address::address(const Text& text) {
  if (auto parsed = parse_address(text)) *this = std::move(*parsed);
}

/// Returns `value` as `host:port`, with brackets around an IPv6 address, or as `unix:` and the path;
/// `parse_address` reads it back.
inline std::string to_string(const address& value) {
  if (value.is_unix()) return value.host;
  const std::string port = std::to_string(value.port);
  if (value.host.contains(':')) return '[' + value.host + "]:" + port;
  return value.host + ':' + port;
}

}  // namespace rathole
