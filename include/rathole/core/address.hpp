#pragma once

#include <rathole/core/result.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace rathole {

/// Where to listen or to connect: a host name or IP literal, and a port. An IPv6 literal is stored
/// without its brackets.
struct address {
  std::string host;
  std::uint16_t port = 0;

  [[nodiscard]] bool operator==(const address&) const = default;
};

namespace detail {

inline bool is_host_text(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet > 0x20 && octet != 0x7f && c != '[' && c != ']';
  });
}

}  // namespace detail

/// Reads `host:port`; the last ':' separates. The port is decimal digits, 0 to 65535. An IPv6
/// literal, possibly with a zone, stands in brackets (`[::1]:80`), and only such a host does. The
/// host is not looked up, nor is its spelling checked further than for blanks and control
/// characters.
///
/// Fails with `errc::invalid_address`.
inline result<address> parse_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return failure(errc::invalid_address);
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);

  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!detail::is_host_text(host)) return failure(errc::invalid_address);
  if (bracketed != host.contains(':')) return failure(errc::invalid_address);

  std::uint16_t port = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (ec != std::errc{} || end != digits.data() + digits.size()) {
    return failure(errc::invalid_address);
  }
  return address{std::string(host), port};
}

/// Writes `host:port`, with brackets around an IPv6 literal; what `parse_address` reads.
inline std::string to_string(const address& value) {
  const std::string port = std::to_string(value.port);
  if (value.host.contains(':')) return '[' + value.host + "]:" + port;
  return value.host + ':' + port;
}

}  // namespace rathole
