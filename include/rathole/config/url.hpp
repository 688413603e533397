#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/hex.hpp>
#include <rathole/core/secret.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::config {

/// The kind of a proxy that a client can use.
enum class proxy_scheme {
  /// SOCKS5 (RFC 1928).
  socks5,
  /// HTTP CONNECT (RFC 9110 section 9.3.6).
  http
};

/// The credentials for a proxy, percent-decoded.
struct proxy_credentials {
  /// The user name.
  std::string username = {};
  /// The password.
  secret password = {};

  /// Compares all members.
  [[nodiscard]] bool operator==(const proxy_credentials&) const = default;
};

/// The URL of a proxy.
struct proxy_url {
  /// The kind of proxy.
  proxy_scheme scheme = proxy_scheme::socks5;
  /// The host name or IP literal, without brackets.
  std::string host = {};
  /// The port; unset if the URL has none, see `proxy_address`.
  std::optional<std::uint16_t> port = {};
  /// The credentials; unset if the URL has none.
  std::optional<proxy_credentials> credentials = {};

  /// Compares all members.
  [[nodiscard]] bool operator==(const proxy_url&) const = default;
};

/// Returns the address to connect to: the host and the port of the URL. Without a port it is 1080
/// for SOCKS5 (RFC 1928 section 3) and 80 for HTTP.
inline address proxy_address(const proxy_url& url) {
  const std::uint16_t usual = url.scheme == proxy_scheme::socks5 ? 1080 : 80;
  return {url.host, url.port.value_or(usual)};
}

/// Returns the URL with its credentials replaced by "MASKED".
inline std::string to_string(const proxy_url& url) {
  std::string text = url.scheme == proxy_scheme::socks5 ? "socks5://" : "http://";
  if (url.credentials) text += "MASKED@";
  return text + to_string(proxy_address(url));
}

namespace detail {

/// Returns `text` with each %XX replaced by its byte; nothing if a '%' is not followed by two
/// hexadecimal digits.
inline std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const auto byte = from_hex(text.substr(i + 1, 2));
    if (!byte || byte->empty()) return std::nullopt;
    out += static_cast<char>(byte->front());
    i += 2;
  }
  return out;
}

/// Returns the scheme in front of "://" (RFC 3986 section 3.1) in lower case, or nothing.
inline std::optional<std::string> url_scheme(std::string_view url) {
  const auto end = url.find("://");
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  std::string scheme(url.substr(0, end));
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  for (char& c : scheme) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool is_other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
    if (!is_letter(c) && !is_other) return std::nullopt;
  }
  if (!is_letter(scheme.front())) return std::nullopt;
  return scheme;
}

}  // namespace detail

/// Parses `scheme://[user[:password]@]host[:port]`, with or without a '/' at the end (RFC 3986).
/// The scheme is `socks5` or `http`. Compat: unlike in upstream, the credentials are
/// percent-decoded, the port is optional, and a path, query or fragment is an error.
///
/// Fails with a text for users, which never contains a part of `text`.
inline std::expected<proxy_url, std::string> parse_proxy_url(std::string_view text) {
  const auto scheme = detail::url_scheme(text);
  if (!scheme) return std::unexpected("not a URL");
  proxy_url url;
  if (*scheme == "http") {
    url.scheme = proxy_scheme::http;
  } else if (*scheme != "socks5") {
    return std::unexpected("Unknown proxy scheme");
  }

  std::string_view authority = text.substr(scheme->size() + 3);
  if (authority.ends_with('/')) authority.remove_suffix(1);
  if (authority.find_first_of("/?#\\") != std::string_view::npos) {
    return std::unexpected(
        "the URL has more than user, password, host and port, or a reserved character in them");
  }

  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    const std::string_view userinfo = authority.substr(0, at);
    authority = authority.substr(at + 1);
    const auto colon = std::min(userinfo.find(':'), userinfo.size());
    auto username = detail::percent_decode(userinfo.substr(0, colon));
    auto password = detail::percent_decode(userinfo.substr(std::min(colon + 1, userinfo.size())));
    if (!username || !password) {
      return std::unexpected("a '%' in the user name or password needs two hexadecimal digits");
    }
    if (!userinfo.empty()) {
      url.credentials = proxy_credentials{std::move(*username), secret(std::move(*password))};
    }
  }

  // In a URL an IPv6 address has brackets (RFC 3986 section 3.2.2).
  const bool is_bracketed = authority.starts_with('[');
  const bool has_port = !authority.ends_with(']') && authority.contains(':');
  const std::string host_port = std::string(authority) + (has_port ? "" : ":1");
  const auto target = parse_address(host_port);
  if (!target || target->is_unix() || target->port == 0 ||
      is_bracketed != target->host.contains(':')) {
    return std::unexpected("the URL's host or port is missing or malformed");
  }
  url.host = target->host;
  if (has_port) url.port = target->port;
  return url;
}

}  // namespace rathole::config
