#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace rathole {

/// The four bytes of an IPv4 address, in network byte order.
using ipv4_bytes = std::array<std::uint8_t, 4>;
/// The sixteen bytes of an IPv6 address, in network byte order.
using ipv6_bytes = std::array<std::uint8_t, 16>;

namespace detail {

/// Parses all of `text`, at most `longest` characters, as a number in `base`; returns nothing if it
/// is anything else.
inline std::optional<unsigned> parse_digits(std::string_view text, int base, std::size_t longest) {
  unsigned value = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value, base);
  if (text.empty() || text.size() > longest || read.ec != std::errc{} || read.ptr != end) {
    return std::nullopt;
  }
  return value;
}

/// Returns the text in front of the next `separator`, and removes both from `rest`; all of `rest`
/// if there is no separator.
inline std::string_view split_off(std::string_view& rest, char separator) {
  const auto at = rest.find(separator);
  const std::string_view part = rest.substr(0, at);
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
  return part;
}

}  // namespace detail

/// Parses an IPv4 address: four decimal numbers separated by dots, without leading zeros (RFC 3986
/// section 3.2.2). Returns nothing if `text` is anything else.
inline std::optional<ipv4_bytes> parse_ipv4(std::string_view text) {
  if (text.ends_with('.')) return std::nullopt;
  ipv4_bytes out;
  for (std::uint8_t& byte : out) {
    const std::string_view part = detail::split_off(text, '.');
    const auto value = detail::parse_digits(part, 10, 3);
    if (!value || *value > 0xff || (part.size() > 1 && part.front() == '0')) return std::nullopt;
    byte = static_cast<std::uint8_t>(*value);
  }
  if (!text.empty()) return std::nullopt;
  return out;
}

namespace detail {

/// Collects the bytes of the groups on one side of the `::` of an IPv6 address, at most 16.
struct ipv6_part {
  /// The bytes, in network byte order.
  ipv6_bytes bytes{};
  /// How many of them are set.
  std::size_t size = 0;

  /// Parses all of `text` as groups separated by colons; returns whether it succeeded. If `is_end`,
  /// the last group may be an IPv4 address.
  bool take(std::string_view text, bool is_end) {
    if (text.ends_with(':')) return false;
    while (!text.empty()) {
      const std::string_view group = split_off(text, ':');
      if (text.empty() && is_end && group.contains('.')) {
        const auto dotted = parse_ipv4(group);
        if (!dotted || size + dotted->size() > bytes.size()) return false;
        for (const std::uint8_t byte : *dotted) bytes[size++] = byte;
        return true;
      }
      const auto value = parse_digits(group, 16, 4);
      if (!value || size == bytes.size()) return false;
      bytes[size++] = static_cast<std::uint8_t>(*value >> 8);
      bytes[size++] = static_cast<std::uint8_t>(*value);
    }
    return true;
  }
};

}  // namespace detail

/// Parses an IPv6 address without brackets and without a zone (RFC 4291 section 2.2). Returns
/// nothing if `text` is anything else.
inline std::optional<ipv6_bytes> parse_ipv6(std::string_view text) {
  const auto gap = text.find("::");
  detail::ipv6_part head;
  detail::ipv6_part tail;
  if (gap == std::string_view::npos) {
    if (!head.take(text, true) || head.size != head.bytes.size()) return std::nullopt;
    return head.bytes;
  }
  if (!head.take(text.substr(0, gap), false)) return std::nullopt;
  if (!tail.take(text.substr(gap + 2), true)) return std::nullopt;
  // "::" stands for at least one group.
  if (head.size + tail.size + 2 > head.bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < tail.size; ++i) {
    head.bytes[head.bytes.size() - tail.size + i] = tail.bytes[i];
  }
  return head.bytes;
}

}  // namespace rathole
