#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/secret.hpp>
#include <rathole/core/time.hpp>
#include <rathole/http/grammar.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::websocket {

/// The request of a client.
struct client_settings {
  /// The target of the request.
  std::string path = "/";
  /// The value of the field Host; see `host_header`.
  std::string host = {};
  /// Fields of the request, in addition to those of the handshake. The values may hold credentials.
  std::vector<std::pair<std::string, secret>> headers = {};
  /// The time without traffic after which a Ping is sent; 0 means never.
  duration ping_interval{0};
};

/// The requests that a server accepts.
struct server_settings {
  /// The only path that is served; if unset, any path is served.
  std::optional<std::string> path = {};
  /// The time without traffic after which a Ping is sent; 0 means never.
  duration ping_interval{0};
};

/// Returns the value of the field Host for a server at `remote`; `localhost` for a Unix-domain socket. Compat: as upstream's URL library
/// writes it, in lower case and without the port 80, also over TLS.
inline std::string host_header(const address& remote) {
  if (remote.is_unix()) return "localhost";
  address spelled = remote;
  for (char& c : spelled.host) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  std::string text = to_string(spelled);
  if (remote.port == 80) text.resize(text.size() - std::string_view(":80").size());
  return text;
}

/// Returns why `path` cannot be the target of an upgrade request; nothing if it can.
inline std::optional<std::string> path_problem(std::string_view path) {
  if (!path.starts_with('/')) return "the path must begin with '/'";
  if (!http::is_target(path)) return "the path must not hold blanks or control characters";
  if (path.contains('#')) return "the path must not hold a fragment ('#')";
  return std::nullopt;
}

/// Returns why `host` cannot be the value of the field Host; nothing if it can.
inline std::optional<std::string> host_problem(std::string_view host) {
  if (!http::is_target(host)) {
    return "the host must not be empty, and must not hold blanks or control characters";
  }
  return std::nullopt;
}

/// Returns why a request cannot have an additional field of that name and value; nothing if it can.
/// The text does not contain the value.
inline std::optional<std::string> header_problem(std::string_view name, std::string_view value) {
  constexpr std::array<std::string_view, 9> own{"Host",
                                                "Connection",
                                                "Upgrade",
                                                "Sec-WebSocket-Version",
                                                "Sec-WebSocket-Key",
                                                "Sec-WebSocket-Accept",
                                                "Sec-WebSocket-Extensions",
                                                "Content-Length",
                                                "Transfer-Encoding"};
  if (!http::is_token(name)) return "the name of a header must be letters, digits and '-'";
  if (std::ranges::any_of(own, [=](auto each) { return http::same_ignoring_case(each, name); })) {
    return "the header " + std::string(name) + " belongs to the handshake itself";
  }
  if (!http::is_field_value(value)) {
    return "the value of a header must not hold control characters, nor blanks at its ends";
  }
  return std::nullopt;
}

}  // namespace rathole::websocket
