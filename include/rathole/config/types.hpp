#pragma once

#include <rathole/config/defaults.hpp>
#include <rathole/config/url.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/core/secret.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// The content of a configuration file after inheritance: the token and the retry interval of a
// service are set even if the file gives them once for all services. The structs can be compared, so
// that a reload can detect what changed. The file has whole seconds; here durations are finer, for
// programs that fill the structs themselves. Keys marked "Ours" do not exist in upstream.

namespace rathole::config {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// The kind of traffic that a service forwards (`type` of a service).
enum class service_kind {
  /// TCP connections.
  tcp,
  /// UDP datagrams.
  udp
};

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
  /// unacknowledged; 0 means the system's default. An active data channel has none. Ours.
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
  /// Client: whether `trusted_root` replaces the system's roots; otherwise it adds to them. Ours.
  bool trusted_root_only = false;
  /// Server: the PKCS#12 file with its certificates and key.
  std::optional<std::string> pkcs12 = {};
  /// Server: the password of `pkcs12`; may be empty.
  std::optional<secret> pkcs12_password = {};
  /// Server: the PEM file with its certificate and the chain, as an alternative to `pkcs12`. Ours.
  std::optional<std::string> cert = {};
  /// Server: the PEM file with the unencrypted private key for `cert`. Ours.
  std::optional<std::string> key = {};
  /// The TLS engine. Ours.
  tls_engine engine = tls_engine::automatic;
  /// How long the peer must be idle before the end of a direction is passed on, if the engine
  /// cannot end one direction alone. If unset, the default of the side applies. Not in upstream.
  std::optional<milliseconds> half_close_timeout = {};

  /// Returns a transport of this kind with these options.
  operator transport() const;

  /// Compares all members.
  [[nodiscard]] bool operator==(const tls_options&) const = default;
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

  /// Returns a transport of this kind with these options.
  operator transport() const;

  /// Compares all members.
  [[nodiscard]] bool operator==(const noise_options&) const = default;
};

/// The table `transport.websocket`.
struct websocket_options {
  /// Whether TLS runs below WebSocket.
  bool tls = false;
  /// Client: the path of the request. Server: the only path that is served; if unset, any. Ours.
  std::optional<std::string> path = {};
  /// Client: the Host header; if unset, the `remote_addr`. Ours.
  std::optional<std::string> host = {};
  /// Client: additional headers of the request, ordered by name, whose values may be secret. Ours.
  std::vector<std::pair<std::string, secret>> headers = {};
  /// The time without traffic after which a Ping is sent; 0 means never. A Ping makes upstream's
  /// peers drop the connection. Ours.
  milliseconds ping_interval = milliseconds(0);

  /// Returns a transport of this kind with these options.
  operator transport() const;

  /// Compares all members.
  [[nodiscard]] bool operator==(const websocket_options&) const = default;
};

/// The table `client.transport` or `server.transport`. Tables of transports that are not selected
/// are kept and ignored; `start_problems` checks that the table of the selected one is there.
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

  /// Compares all members.
  [[nodiscard]] bool operator==(const transport&) const = default;
};

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

/// The `udp` table of an instance or of a service: how UDP visitors are remembered and how much
/// of their traffic may wait. Ours.
struct udp_options {
  /// How long a visitor without traffic in either direction is remembered.
  milliseconds idle_timeout = defaults::udp_idle_timeout;
  /// The most visitors of a service that are remembered, at least 1. A new visitor replaces the one
  /// that has been idle longest. On a client each has a socket.
  std::size_t max_visitors = defaults::udp_max_visitors;
  /// The most bytes of frames that wait for one data channel; further frames are dropped.
  std::size_t queue_size = defaults::udp_queue_size;
  /// Client: whether replies are accepted from any port of the local service's address, as TFTP
  /// requires (RFC 1350 section 4). The visitor's next datagrams then go to the port that replied
  /// last.
  bool answers_from_any_port = false;

  /// Compares all members.
  [[nodiscard]] bool operator==(const udp_options&) const = default;
};

/// The table `client.services.NAME`: a service that the client forwards.
struct client_service {
  /// The name, which must be the same on the server, compared byte by byte. May be empty.
  std::string name = {};
  /// What the service forwards.
  service_kind kind = service_kind::tcp;
  /// The local service that visitors are forwarded to.
  address local_addr = {};
  /// Whether the program itself serves the visitors, so that there is no `local_addr`. Not in the
  /// file; see `rathole::client::listen`.
  bool in_process = false;
  /// The token, which must be the same on the server.
  secret token = {};
  /// TCP_NODELAY of the service's data channels (if unset, that of the transport) and of its local
  /// connections (if unset, on).
  std::optional<bool> nodelay = {};
  /// The longest pause between attempts to reach the server.
  milliseconds retry_interval = defaults::retry_interval;
  /// Whether IPv6 addresses of `local_addr` are tried first (if unset in the file, as for the
  /// client). Compat: as in upstream after v0.5.0.
  bool prefer_ipv6 = false;
  /// The idle timeout of a TCP connection; 0 means none. Ours.
  milliseconds idle_timeout = defaults::forward_idle_timeout;
  /// The idle timeout once one side has ended its direction. Ours.
  milliseconds half_close_timeout = defaults::forward_half_close_timeout;
  /// The `udp` table of the service, whose keys override those of `client.udp`.
  udp_options udp = {};

  /// Compares all members.
  [[nodiscard]] bool operator==(const client_service&) const = default;
};

/// The table `[client]`.
struct client {
  /// The address of the server.
  address remote_addr = {};
  /// Whether IPv6 addresses of `remote_addr` are tried first. Ours.
  bool prefer_ipv6 = false;
  /// The heartbeat timeout of the control channel; 0 means no limit.
  milliseconds heartbeat_timeout = defaults::heartbeat_timeout;
  /// How long each step of a connection attempt to the server may take: lookup and TCP, the proxy,
  /// each message of the transport's handshake; four times that in total. Ours.
  milliseconds connect_timeout = defaults::connect_timeout;
  /// How long the server may take to send its Hello, and then its Ack. Ours.
  milliseconds handshake_timeout = defaults::client_handshake_timeout;
  /// How long active connections may continue once the client was asked to stop. Not in upstream.
  milliseconds shutdown_grace = defaults::shutdown_grace;
  /// How long a connection may be idle during that time before it is closed, so that idle ones do
  /// not delay a restart; 0 means for all of `shutdown_grace`. Ours.
  milliseconds shutdown_idle_timeout = defaults::shutdown_idle_timeout;
  /// The most data channels of one control channel that dial or wait for a visitor, at least 1.
  /// Ours.
  std::size_t max_dials = defaults::max_dials;
  /// The most active connections of all services, which the server requests; at least 1. Ours.
  std::size_t max_forwards = defaults::max_forwards;
  /// The threads for traffic and handshakes; 0 means one for each processor. Ours.
  std::size_t workers = 0;
  /// How long the program waits for its control channels before it reports to a service manager
  /// that it is ready. Ours.
  milliseconds ready_timeout = defaults::ready_timeout;
  /// The services, in the order of their names.
  std::vector<client_service> services = {};
  /// How the client reaches the server.
  rathole::config::transport transport = {};

  /// Compares all members.
  [[nodiscard]] bool operator==(const client&) const = default;
};

/// A `pool` table, of `server` or of `server.services.NAME`: how visitors get data channels.
/// Ours.
struct pool_options {
  /// The idle data channels that the server keeps ready; 0 means that each visitor waits for its
  /// own.
  std::size_t size = defaults::tcp_pool_size;
  /// The most idle data channels of a client; not less than `size`, at least 1.
  std::size_t max_idle = defaults::pool_max_idle;
  /// How long a visitor waits for a data channel.
  milliseconds visitor_timeout = defaults::visitor_timeout;
  /// The most waiting visitors, at least 1; if there are more, the newest is refused.
  std::size_t max_waiting_visitors = defaults::max_waiting_visitors;

  /// Compares all members.
  [[nodiscard]] bool operator==(const pool_options&) const = default;
};

/// The table `server.services.NAME`: a service that the server offers to visitors.
struct server_service {
  /// The name, which must be the same on the client, compared byte by byte. May be empty.
  std::string name = {};
  /// What the service forwards.
  service_kind kind = service_kind::tcp;
  /// The addresses on which the server listens for visitors.
  address_list bind_addr = {};
  /// The token, which must be the same on the client.
  secret token = {};
  /// TCP_NODELAY of the service's data channels (if unset, that of the transport) and of its
  /// visitors (if unset, on).
  std::optional<bool> nodelay = {};
  /// The `pool` table of the service, whose keys override those of `server.pool`. A UDP service
  /// keeps `size` data channels and distributes its visitors over them.
  pool_options pool = {};
  /// The idle timeout of a TCP connection; 0 means none. Ours.
  milliseconds idle_timeout = defaults::forward_idle_timeout;
  /// The idle timeout once one side has ended its direction. Ours.
  milliseconds half_close_timeout = defaults::forward_half_close_timeout;
  /// The `udp` table of the service, whose keys override those of `server.udp`.
  udp_options udp = {};

  /// Compares all members.
  [[nodiscard]] bool operator==(const server_service&) const = default;
};

/// The table `[server]`.
struct server {
  /// The addresses on which the server listens for clients.
  address_list bind_addr = {};
  /// The time without output after which a control channel gets a heartbeat; 0 means never.
  milliseconds heartbeat_interval = defaults::heartbeat_interval;
  /// How long each step from the accept of a connection to a valid Auth, or to the Hello of a data
  /// channel, may take; four times that in total. Ours.
  milliseconds handshake_timeout = defaults::server_handshake_timeout;
  /// The most unauthenticated connections, at least 1; beyond that, a new one replaces an old one.
  /// Ours.
  std::size_t max_handshakes = defaults::max_handshakes;
  /// The most unauthenticated connections of one IPv4 address or IPv6 /64, at least 1. It does not
  /// apply to an address that holds a control channel. Ours.
  std::size_t max_handshakes_per_address = defaults::max_handshakes_per_address;
  /// The threads for traffic and handshakes; 0 means one for each processor. Ours.
  std::size_t workers = 0;
  /// How long active connections may continue once the server was asked to stop. Not in upstream.
  milliseconds shutdown_grace = defaults::shutdown_grace;
  /// How long a connection may be idle during that time before it is closed, so that idle ones do
  /// not delay a restart; 0 means for all of `shutdown_grace`. Ours.
  milliseconds shutdown_idle_timeout = defaults::shutdown_idle_timeout;
  /// The services, in the order of their names.
  std::vector<server_service> services = {};
  /// How clients reach the server.
  rathole::config::transport transport = {};

  /// Compares all members.
  [[nodiscard]] bool operator==(const server&) const = default;
};

/// One configuration file; it has at least one of `server` and `client`.
struct config {
  /// What the program logs, in the syntax of RATHOLE_LOG, which takes precedence. Not in upstream.
  std::optional<std::string> log = {};
  /// The table `[server]`, if there is one.
  std::optional<rathole::config::server> server = {};
  /// The table `[client]`, if there is one.
  std::optional<rathole::config::client> client = {};

  /// Compares all members.
  [[nodiscard]] bool operator==(const config&) const = default;
};

}  // namespace rathole::config
