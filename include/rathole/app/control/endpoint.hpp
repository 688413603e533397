#pragma once

#include <rathole/config/admin.hpp>
#include <rathole/config/toml_admin.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/secret.hpp>

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::app {

/// Where the admin API of a running program is, and what it takes to use it.
struct admin_endpoint {
  /// The path of the Unix-domain socket; empty if it is reached by TCP.
  std::string socket = {};
  /// The address, if it is reached by TCP.
  address at = {};
  /// Whether it is served by TLS.
  bool tls = false;
  /// The name in the certificate.
  std::string host = {};
  /// The PEM file of certificates to trust instead of the system's, if any.
  std::optional<std::string> trusted = {};
  /// The token; empty if there is none.
  secret token = {};
  /// Where the token comes from, such as `--token-file`, for messages; empty if there is none.
  std::string token_origin = {};
  /// The configuration file that names the endpoint, for messages; empty if `--admin` names it.
  std::string config = {};
};

/// Returns the value of the field `Host` for requests to the endpoint (RFC 9110 section 7.2). A zone of
/// an IPv6 address means something on this host only, so it is left out.
inline std::string host_field(const admin_endpoint& to) {
  if (!to.socket.empty()) return "localhost";
  const std::string name = to.host.substr(0, to.host.find('%'));
  return to_string(address{name, to.at.port});
}

/// Returns where the endpoint is, for messages.
inline std::string to_string(const admin_endpoint& to) {
  if (!to.socket.empty()) return std::string(unix_prefix) + to.socket;
  return (to.tls ? "https://" : "") + to_string(to.at);
}

/// Returns the endpoint that `text` names: `unix:PATH`, `http://HOST:PORT`, `https://HOST:PORT` or
/// `HOST:PORT`; nothing if it is none.
inline std::optional<admin_endpoint> parse_endpoint(std::string_view text) {
  admin_endpoint out;
  if (text.starts_with(unix_prefix)) {
    out.socket = text.substr(unix_prefix.size());
    if (out.socket.empty()) return std::nullopt;
    return out;
  }
  constexpr std::string_view plain = "http://";
  constexpr std::string_view encrypted = "https://";
  out.tls = text.starts_with(encrypted);
  if (out.tls) {
    text.remove_prefix(encrypted.size());
  } else if (text.starts_with(plain)) {
    text.remove_prefix(plain.size());
  }
  if (text.ends_with('/')) text.remove_suffix(1);
  const auto at = parse_address(text);
  if (!at || at->port == 0) return std::nullopt;
  out.at = *at;
  out.host = at->host;
  return out;
}

/// Returns how the API of a program with `options` is reached from this host.
inline admin_endpoint endpoint_of(const config::admin_options& options) {
  admin_endpoint out = parse_endpoint(options.bind_addr).value_or(admin_endpoint());
  if (out.at.host == "0.0.0.0") out.at.host = "127.0.0.1";
  if (out.at.host == "::") out.at.host = "::1";
  out.host = options.hosts.empty() ? out.at.host : options.hosts.front();
  out.tls = options.cert.has_value();
  // The program that serves it has the same file, so nothing else need be trusted.
  out.trusted = options.cert;
  out.token = options.token;
  if (!out.token.empty()) out.token_origin = "the configuration file";
  return out;
}

}  // namespace rathole::app
