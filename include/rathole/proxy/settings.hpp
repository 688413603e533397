#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/secret.hpp>
#include <rathole/http/grammar.hpp>

#include <optional>
#include <string>

namespace rathole::proxy {

/// The protocol of a proxy.
enum class scheme {
  /// SOCKS5 (RFC 1928).
  socks5,
  /// HTTP CONNECT (RFC 9110 section 9.3.6).
  http
};

/// The credentials for a proxy.
struct credentials {
  /// The user name.
  std::string username = {};
  /// The password.
  secret password = {};
};

/// A proxy, and how to use it.
struct settings {
  /// The protocol of the proxy.
  proxy::scheme scheme = proxy::scheme::socks5;
  /// The address of the proxy.
  address proxy = {};
  /// The credentials, if the proxy requires any.
  std::optional<proxy::credentials> credentials = {};
};

/// An event that the machine of a proxy protocol reports.
enum class event {
  /// The stream is the requested connection from here on.
  connected,
};

/// Returns why `user` cannot be used with a proxy of the protocol `kind`; nothing if it can. The
/// text does not contain the credentials.
inline std::optional<std::string> credentials_problem(scheme kind, const credentials& user) {
  if (kind == scheme::socks5) {
    if (user.username.size() > 255 || user.password.bytes().size() > 255) {
      return "user name and password for a SOCKS5 proxy are at most 255 bytes each";
    }
  } else if (user.username.contains(':')) {
    return "the user name for an HTTP proxy must not hold ':'";
  }
  return std::nullopt;
}

}  // namespace rathole::proxy
