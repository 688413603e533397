#pragma once

#include <rathole/config/defaults.hpp>
#include <rathole/config/url.hpp>
#include <rathole/core/secret.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// The table `transport` of a configuration; see `config/types.hpp`.

namespace rathole::config {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// The transport that carries the tunnel (`type` of a transport).
enum class transport_kind {
  /// Plain TCP, without encryption.
  tcp,
  /// TLS over TCP.
  tls,
  /// The Noise protocol over TCP.
  noise,
  /// WebSocket over TCP, or over TLS.
  websocket
};

/// The table `transport.tcp`: the socket options of the tunnel's connections under every transport.
/// The keepalive also applies to visitors and to connections to local services.
struct tcp_options {
  /// TCP_NODELAY of the control and data channels.
  bool nodelay = defaults::nodelay;
  /// The TCP keepalive idle time; 0 turns keepalive off.
  seconds keepalive_secs = defaults::keepalive_secs;
  /// The TCP keepalive probe interval; 0 means the system's default.
  seconds keepalive_interval = defaults::keepalive_interval;
  /// TCP_USER_TIMEOUT of control channels and idle data channels: how long sent bytes may stay
  /// unacknowledged; 0 means the system's default. An active data channel has none. Not in
  /// upstream.
  milliseconds user_timeout = defaults::user_timeout;
  /// The proxy through which a client reaches its server; a server ignores it.
  std::optional<proxy_url> proxy = {};

  /// Compares all members.
  [[nodiscard]] bool operator==(const tcp_options&) const = default;
};

/// The TLS engine (`engine` of `transport.tls`).
enum class tls_engine {
  /// OpenSSL if the program contains it, and otherwise Botan; written `"auto"` in the file.
  automatic,
  /// Botan.
  botan,
  /// OpenSSL.
  openssl
};

struct transport;

/// The table `transport.tls`. Relative paths start at the working directory of the process.
struct tls_options {
  /// Client: the name for SNI and for the certificate check; if unset, the host of `remote_addr`.
  std::optional<std::string> hostname = {};
  /// Client: a PEM file with trusted certificates.
  std::optional<std::string> trusted_root = {};
  /// Client: whether `trusted_root` replaces the system's roots; otherwise it adds to them. Not in
  /// upstream.
  bool trusted_root_only = false;
  /// Server: the PKCS#12 file with its certificates and key.
  std::optional<std::string> pkcs12 = {};
  /// Server: the password of `pkcs12`; may be empty.
  std::optional<secret> pkcs12_password = {};
  /// Server: the PEM file with its certificate and the chain, as an alternative to `pkcs12`. Not in
  /// upstream.
  std::optional<std::string> cert = {};
  /// Server: the PEM file with the unencrypted private key for `cert`. Not in upstream.
  std::optional<std::string> key = {};
  /// The TLS engine. Not in upstream.
  tls_engine engine = tls_engine::automatic;
  /// How long the peer must be idle before the end of a direction is passed on, if the engine
  /// cannot end one direction alone. If unset, the default of the side applies. Not in upstream.
  std::optional<milliseconds> half_close_timeout = {};

  /// Returns a transport of this kind with these options.
  operator transport() const;

  /// Compares all members.
  [[nodiscard]] bool operator==(const tls_options&) const = default;
};

/// The engine of `transport.noise`: the library whose ciphers encrypt.
enum class noise_engine {
  /// Botan.
  botan,
  /// OpenSSL, if it is built in.
  openssl
};

/// A public key of `transport.noise`.
using noise_public_key = std::array<std::uint8_t, 32>;

/// The table `transport.noise`.
struct noise_options {
  /// The protocol name. It is checked at start, because only the build knows the supported ones.
  std::string pattern = defaults::noise_pattern;
  /// The static private key of this side, 32 bytes, in base64 in the file; if unset, a fresh one.
  std::optional<secret> local_private_key = {};
  /// The static public key of the peer, in base64 in the file.
  std::optional<noise_public_key> remote_public_key = {};
  /// The engine; both sides may have different ones. Not in upstream.
  noise_engine engine = noise_engine::botan;

  /// Returns a transport of this kind with these options.
  operator transport() const;

  /// Compares all members.
  [[nodiscard]] bool operator==(const noise_options&) const = default;
};

/// The table `transport.websocket`.
struct websocket_options {
  /// Whether TLS runs below WebSocket.
  bool tls = false;
  /// Client: the path of the request. Server: the only path that is served; if unset, any. Not in
  /// upstream.
  std::optional<std::string> path = {};
  /// Client: the Host header; if unset, the `remote_addr`. Not in upstream.
  std::optional<std::string> host = {};
  /// Client: additional headers of the request, ordered by name, whose values may be secret. Not in
  /// upstream.
  std::vector<std::pair<std::string, secret>> headers = {};
  /// The time without traffic after which a Ping is sent; 0 means never. A Ping makes upstream's
  /// peers drop the connection. Not in upstream.
  milliseconds ping_interval = milliseconds(0);

  /// Returns a transport of this kind with these options.
  operator transport() const;

  /// Compares all members.
  [[nodiscard]] bool operator==(const websocket_options&) const = default;
};

/// The table `client.transport` or `server.transport`. `start_problems` checks that the table of the
/// selected transport is there. Those of others, which a file may have, are not kept; in settings
/// that a program made they are problems (`settings_problems`), because it may have forgotten `kind`.
struct transport {
  /// The kind of the transport.
  transport_kind kind = transport_kind::tcp;
  /// The table `tcp`.
  tcp_options tcp = {};
  /// The table `tls`, if there is one.
  std::optional<tls_options> tls = {};
  /// The table `noise`, if there is one.
  std::optional<noise_options> noise = {};
  /// The table `websocket`, if there is one.
  std::optional<websocket_options> websocket = {};
  /// Client: whether control and data channels are streams of few connections, instead of a
  /// connection each. A server always accepts both. Not in upstream.
  bool multiplex = false;
  /// Client: the number of connections that the streams are spread over, at least 1; used only with
  /// `multiplex`. Not in upstream.
  std::size_t connections = defaults::connections;

  /// Compares all members.
  [[nodiscard]] bool operator==(const transport&) const = default;
};

/// Returns whether `value` uses its table `tls`.
inline bool uses_tls(const transport& value) {
  if (value.kind == transport_kind::websocket) return value.websocket && value.websocket->tls;
  return value.kind == transport_kind::tls;
}

inline tls_options::operator transport() const {
  transport out;
  out.kind = transport_kind::tls;
  out.tls = *this;
  return out;
}

inline noise_options::operator transport() const {
  transport out;
  out.kind = transport_kind::noise;
  out.noise = *this;
  return out;
}

inline websocket_options::operator transport() const {
  transport out;
  out.kind = transport_kind::websocket;
  out.websocket = *this;
  return out;
}

/// The options of TLS, as a program writes them down: `.transport = config::tls{...}`.
using tls = tls_options;
/// The options of Noise; see `tls`.
using noise = noise_options;
/// The options of WebSocket; see `tls`. With `tls = true` the transport's own `tls` is needed, too.
using websocket = websocket_options;

}  // namespace rathole::config
