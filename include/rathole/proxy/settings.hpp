#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/secret.hpp>
#include <rathole/http/grammar.hpp>

#include <optional>
#include <string>

/// Clients of proxies: they ask for a connection to an address, and what follows the proxy's answer
/// is that connection.
namespace rathole::proxy {

/// How to speak with a proxy.
enum class scheme { socks5, http };

/// What a proxy wants to know of its user.
struct credentials {
  std::string username = {};
  secret password = {};
};

/// A proxy, and how to speak with it.
struct settings {
  proxy::scheme scheme = proxy::scheme::socks5;
  address proxy = {};
  std::optional<proxy::credentials> credentials = {};
};

/// What a machine of a proxy's protocol reports.
enum class event {
  /// From here on the stream is the connection that was asked for.
  connected,
};

/// Why credentials cannot be given to such a proxy; nothing if they can. They are not repeated in
/// the sentence.
inline std::optional<std::string> credentials_problem(scheme kind, const credentials& user) {
  if (kind == scheme::socks5) {
    if (user.username.size() > 255 || user.password.bytes().size() > 255) {
      return "user name and password for a SOCKS5 proxy are at most 255 octets each";
    }
  } else if (user.username.contains(':')) {
    return "the user name for an HTTP proxy must not hold ':'";
  }
  return std::nullopt;
}

}  // namespace rathole::proxy
