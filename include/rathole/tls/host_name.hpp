#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/cursor.hpp>
#include <rathole/core/ip_literal.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace rathole::tls {

/// The names in the subjectAltName of a certificate (RFC 5280 section 4.2.1.6), as views of its
/// bytes.
struct alt_names {
  /// The DNS names.
  std::vector<std::string_view> dns = {};
  /// The IP addresses in network byte order, normally of 4 or 16 bytes.
  std::vector<byte_view> ip = {};
};

namespace detail {

/// A DER value (X.690), whose length must be below 64 KiB.
struct der_value {
  /// The tag byte.
  std::uint8_t tag = 0;
  /// The content, as a view of the input.
  byte_view content = {};
};

/// Reads the next DER value; returns nothing if it is malformed.
inline std::optional<der_value> read_der_value(cursor& in) {
  der_value out{.tag = in.byte()};
  std::size_t length = in.byte();
  if (length == 0x81) {
    length = in.byte();
  } else if (length == 0x82) {
    const std::size_t high = in.byte();
    length = high << 8 | in.byte();
  } else if (length >= 0x80) {
    return std::nullopt;
  }
  out.content = in.view(length);
  if (!in.ok()) return std::nullopt;
  return out;
}

/// Returns `c` in lower case if it is an ASCII letter.
constexpr char to_lower(char c) {
  return 'A' <= c && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Returns whether two names are equal except for the case of ASCII letters.
inline bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, to_lower, to_lower);
}

}  // namespace detail

/// Parses the DER value of the subjectAltName extension; returns nothing if it is malformed. Names
/// that are neither DNS names nor IP addresses are left out.
inline std::optional<alt_names> read_alt_names(byte_view der) {
  constexpr std::uint8_t sequence = 0x30;
  constexpr std::uint8_t dns_name = 0x82;
  constexpr std::uint8_t ip_address = 0x87;
  cursor outer(der);
  const auto list = detail::read_der_value(outer);
  if (!list || list->tag != sequence || !outer.rest().empty()) return std::nullopt;
  alt_names out;
  cursor in(list->content);
  while (!in.rest().empty()) {
    const auto name = detail::read_der_value(in);
    if (!name) return std::nullopt;
    if (name->tag == dns_name) {
      out.dns.emplace_back(reinterpret_cast<const char*>(name->content.data()),
                           name->content.size());
    } else if (name->tag == ip_address) {
      out.ip.push_back(name->content);
    }
  }
  return out;
}

/// Returns whether `pattern`, a DNS name of a certificate, matches `host` (RFC 6125 section 6.4). A
/// `*` may only be the whole first label; it stands for one label, and at least two more must
/// follow.
inline bool matches_dns_name(std::string_view pattern, std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  if (pattern.ends_with('.')) pattern.remove_suffix(1);
  if (host.empty() || host.contains('\0') || pattern.contains('\0')) return false;
  if (!pattern.starts_with("*.")) {
    return !pattern.contains('*') && detail::same_name(pattern, host);
  }
  const std::string_view domain = pattern.substr(1);
  const auto first_label = host.find('.');
  return !domain.contains('*') && domain.find('.', 1) != std::string_view::npos &&
         first_label != 0 && first_label != std::string_view::npos &&
         detail::same_name(domain, host.substr(first_label));
}

/// Returns whether `host` can be the name that a server's certificate is for: it is not empty,
/// apart from the dot of the root, and has no NUL.
inline bool is_server_name(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  return !host.empty() && !host.contains('\0');
}

/// Returns whether `host` is an IP literal without brackets, and not a name.
inline bool is_ip_literal(std::string_view host) {
  return parse_ipv4(host).has_value() || parse_ipv6(host).has_value();
}

/// Returns whether a certificate is issued for `host`. An IP literal must be one of its addresses.
/// A name must match one of its DNS names or, if it has none, its `common_name`.
inline bool is_for_host(std::string_view host, const alt_names& names,
                        std::string_view common_name) {
  const auto has_address = [&names](const auto& bytes) {
    return std::ranges::any_of(names.ip,
                               [&](byte_view ip) { return std::ranges::equal(ip, bytes); });
  };
  if (const auto ip = parse_ipv4(host)) return has_address(*ip);
  if (const auto ip = parse_ipv6(host)) return has_address(*ip);
  if (names.dns.empty()) return matches_dns_name(common_name, host);
  return std::ranges::any_of(names.dns,
                             [&](std::string_view name) { return matches_dns_name(name, host); });
}

}  // namespace rathole::tls
