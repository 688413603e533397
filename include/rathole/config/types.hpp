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

/// What a configuration file says, after inheritance: a service's token and retry interval are
/// there even if the file gives them once for all services. The values compare, so that a reload
/// can tell what changed. The file speaks in whole seconds; here durations are finer, for programs
/// that fill these structs themselves.
namespace rathole::config {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// What a service forwards (`type` of a service).
enum class service_kind { tcp, udp };

/// What carries the tunnel (`type` of a transport).
enum class transport_kind { tcp, tls, noise, websocket };

/// `transport.tcp`: the socket options of the tunnel's connections, under every transport. Keepalive
/// is also that of visitors and of connections to local services.
struct tcp_options {
  /// TCP_NODELAY of the control and data channels.
  bool nodelay = defaults::nodelay;
  /// TCP keepalive idle time; 0 turns keepalive off.
  seconds keepalive_secs = defaults::keepalive_secs;
  /// TCP keepalive probe interval; 0 leaves the system's.
  seconds keepalive_interval = defaults::keepalive_interval;
  /// TCP_USER_TIMEOUT of control and idle data channels: how long sent octets may stay
  /// unacknowledged; 0 leaves it to the system. A channel that forwards has none.
  /// Ours: upstream does not know the key.
  milliseconds user_timeout = defaults::user_timeout;
  /// The proxy through which a client reaches its server; a server ignores it.
  std::optional<proxy_url> proxy = {};

  [[nodiscard]] bool operator==(const tcp_options&) const = default;
};

/// What speaks TLS (`engine` of `transport.tls`). `automatic`, spelled `"auto"` in the file, is
/// OpenSSL where the program contains it, and else Botan.
enum class tls_engine { automatic, botan, openssl };

/// `transport.tls`. Paths are relative to the process's working directory.
struct tls_options {
  /// Client: the name for SNI and the certificate check; unset means the host of `remote_addr`.
  std::optional<std::string> hostname = {};
  /// Client: a PEM file whose certificates are trusted.
  std::optional<std::string> trusted_root = {};
  /// Client: whether `trusted_root` stands in for the system's roots rather than beside them. Ours.
  bool trusted_root_only = false;
  /// Server: the PKCS#12 file of its identity.
  std::optional<std::string> pkcs12 = {};
  /// Server: the password of `pkcs12`; may be empty.
  std::optional<secret> pkcs12_password = {};
  /// Server: the PEM file of its certificate, followed by the chain; instead of `pkcs12`. Ours.
  std::optional<std::string> cert = {};
  /// Server: the PEM file of the private key for `cert`, without a password. Ours.
  std::optional<std::string> key = {};
  /// What speaks TLS. Ours.
  tls_engine engine = tls_engine::automatic;
  /// How long the peer must be silent before an end of sending is passed on, where the engine cannot
  /// end one direction alone; unset means the default of the side. Ours.
  std::optional<milliseconds> half_close_timeout = {};

  [[nodiscard]] bool operator==(const tls_options&) const = default;
};

/// A public key of `transport.noise`.
using noise_public_key = std::array<std::uint8_t, 32>;

/// `transport.noise`.
struct noise_options {
  /// The protocol name; whether the build knows it is found at start.
  std::string pattern = defaults::noise_pattern;
  /// The 32 octets of this side's static key, base64 in the file; unset means a fresh one.
  std::optional<secret> local_private_key = {};
  /// The peer's static key, base64 in the file.
  std::optional<noise_public_key> remote_public_key = {};

  [[nodiscard]] bool operator==(const noise_options&) const = default;
};

/// `transport.websocket`.
struct websocket_options {
  /// Whether TLS runs below WebSocket.
  bool tls = false;
  /// Client: the target of the upgrade request; server: the only one it serves, unless unset. Ours.
  std::optional<std::string> path = {};
  /// Client: the Host header; unset means `remote_addr`. Ours.
  std::optional<std::string> host = {};
  /// Client: headers that the upgrade request has besides its own, in the order of their names.
  /// Values may hold credentials. Ours.
  std::vector<std::pair<std::string, secret>> headers = {};
  /// The pause after which a silent connection gets a Ping; 0 means never. Upstream's peers do not
  /// survive one. Ours.
  milliseconds ping_interval = milliseconds(0);

  [[nodiscard]] bool operator==(const websocket_options&) const = default;
};

/// `client.transport`, `server.transport`. Tables of transports that are not selected are kept,
/// and ignored; that a selected one's table is there is what `start_problems` checks.
struct transport {
  transport_kind kind = transport_kind::tcp;
  tcp_options tcp = {};
  std::optional<tls_options> tls = {};
  std::optional<noise_options> noise = {};
  std::optional<websocket_options> websocket = {};

  [[nodiscard]] bool operator==(const transport&) const = default;
};

/// `udp` of an instance and of a service: how UDP visitors are remembered and how much of their
/// traffic waits. Ours.
struct udp_options {
  /// How long a visitor is remembered without traffic in either direction.
  milliseconds idle_timeout = defaults::udp_idle_timeout;
  /// Visitors of a service that are remembered at once, at least 1; the one that was silent for the
  /// longest makes room for a new one. On a client each has a socket.
  std::size_t max_visitors = defaults::udp_max_visitors;
  /// Octets of frames that wait for one data channel; what comes beyond that is dropped.
  std::size_t queue_size = defaults::udp_queue_size;
  /// Whether answers are taken from any port of the local service's address, as TFTP needs it
  /// (RFC 1350 section 4), and what the visitor sends then goes to the port that answered last. Of
  /// clients alone; a server ignores it.
  bool answers_from_any_port = false;

  [[nodiscard]] bool operator==(const udp_options&) const = default;
};

/// `client.services.NAME`.
struct client_service {
  /// The same as on the server; compared by its octets. May be empty.
  std::string name = {};
  service_kind kind = service_kind::tcp;
  /// The local service that visitors are forwarded to.
  address local_addr = {};
  secret token = {};
  /// TCP_NODELAY of this service's data channels (unset: the transport's) and of its local
  /// connections (unset: on).
  std::optional<bool> nodelay = {};
  /// The upper bound of the backoff between attempts to reach the server.
  milliseconds retry_interval = defaults::retry_interval;
  /// Whether IPv6 addresses of `local_addr` are tried before the others (unset in the file: the
  /// client's). Compat: upstream's after v0.5.0.
  bool prefer_ipv6 = false;
  /// How long a TCP forward may stay without traffic; 0 means for ever. Ours.
  milliseconds idle_timeout = defaults::forward_idle_timeout;
  /// The same once one side has ended its sending. Ours.
  milliseconds half_close_timeout = defaults::forward_half_close_timeout;
  /// The service's own `udp` table over `client.udp`.
  udp_options udp = {};

  [[nodiscard]] bool operator==(const client_service&) const = default;
};

/// `[client]`.
struct client {
  address remote_addr = {};
  /// Whether IPv6 addresses of `remote_addr` are tried before the others. Ours.
  bool prefer_ipv6 = false;
  /// How long the control channel may be silent; 0 means for ever.
  milliseconds heartbeat_timeout = defaults::heartbeat_timeout;
  /// How long each step of a connection attempt to the server may take: the look-up and TCP, the
  /// proxy, each message of the transport's handshake; all together at most four times that. Ours.
  milliseconds connect_timeout = defaults::connect_timeout;
  /// How long the server may take to answer with Hello, and then with Ack. Ours.
  milliseconds handshake_timeout = defaults::client_handshake_timeout;
  /// How long running forwards may go on once the client was told to stop. Ours.
  milliseconds shutdown_grace = defaults::shutdown_grace;
  /// How long a forward may then be without traffic before it is ended, so that idle ones do not
  /// hold up a restart; 0 means for all of `shutdown_grace`. Ours.
  milliseconds shutdown_idle_timeout = defaults::shutdown_idle_timeout;
  /// Data channels of one control channel that may dial or wait for a visitor at once, at least 1.
  /// Ours.
  std::size_t max_dials = defaults::max_dials;
  /// Forwards of all services that the server may make run at once, at least 1. Ours.
  std::size_t max_forwards = defaults::max_forwards;
  /// Threads that carry traffic and shake hands; 0 means as many as there are processors. Ours.
  std::size_t workers = 0;
  /// How long the program waits for its control channels before it tells a service manager that it
  /// is ready. Ours.
  milliseconds ready_timeout = defaults::ready_timeout;
  /// In the order of their names.
  std::vector<client_service> services = {};
  rathole::config::transport transport = {};

  [[nodiscard]] bool operator==(const client&) const = default;
};

/// `server.pool` and `server.services.NAME.pool`: how visitors and data channels meet. Ours.
struct pool_options {
  /// Idle data channels that the server keeps ready; 0 means that each visitor waits for its own.
  std::size_t size = defaults::tcp_pool_size;
  /// Idle data channels that a client may hold; not below `size`, at least 1.
  std::size_t max_idle = defaults::pool_max_idle;
  /// How long a visitor waits for a data channel.
  milliseconds visitor_timeout = defaults::visitor_timeout;
  /// Visitors that may wait at once, at least 1; the newest beyond that is refused.
  std::size_t max_waiting_visitors = defaults::max_waiting_visitors;

  [[nodiscard]] bool operator==(const pool_options&) const = default;
};

/// `server.services.NAME`.
struct server_service {
  /// The same as on the client; compared by its octets. May be empty.
  std::string name = {};
  service_kind kind = service_kind::tcp;
  /// Where visitors connect; one address or several.
  address_list bind_addr = {};
  secret token = {};
  /// TCP_NODELAY of this service's data channels (unset: the transport's) and of its visitors
  /// (unset: on).
  std::optional<bool> nodelay = {};
  /// The service's own `pool` table over `server.pool`. A UDP service keeps `size` data channels and
  /// spreads its visitors over them.
  pool_options pool = {};
  /// How long a TCP forward may stay without traffic; 0 means for ever. Ours.
  milliseconds idle_timeout = defaults::forward_idle_timeout;
  /// The same once one side has ended its sending. Ours.
  milliseconds half_close_timeout = defaults::forward_half_close_timeout;
  /// The service's own `udp` table over `server.udp`.
  udp_options udp = {};

  [[nodiscard]] bool operator==(const server_service&) const = default;
};

/// `[server]`.
struct server {
  /// Where clients connect; one address or several.
  address_list bind_addr = {};
  /// The pause after which a silent control channel gets a heartbeat; 0 means never.
  milliseconds heartbeat_interval = defaults::heartbeat_interval;
  /// How long each step from accepting a connection to a valid Auth, or to a data channel's Hello,
  /// may take; all together at most four times that. Ours.
  milliseconds handshake_timeout = defaults::server_handshake_timeout;
  /// Connections that may be unauthenticated at once, at least 1; an older one is dropped for the
  /// newcomer beyond that. Ours.
  std::size_t max_handshakes = defaults::max_handshakes;
  /// The same from one IPv4 address or IPv6 /64, at least 1; without effect on an address that holds
  /// a control channel. Ours.
  std::size_t max_handshakes_per_address = defaults::max_handshakes_per_address;
  /// Threads that carry traffic and shake hands; 0 means as many as there are processors. Ours.
  std::size_t workers = 0;
  /// How long running forwards may go on once the server was told to stop. Ours.
  milliseconds shutdown_grace = defaults::shutdown_grace;
  /// How long a forward may then be without traffic before it is ended, so that idle ones do not
  /// hold up a restart; 0 means for all of `shutdown_grace`. Ours.
  milliseconds shutdown_idle_timeout = defaults::shutdown_idle_timeout;
  /// In the order of their names.
  std::vector<server_service> services = {};
  rathole::config::transport transport = {};

  [[nodiscard]] bool operator==(const server&) const = default;
};

/// One configuration file: at least one of the two is there.
struct config {
  /// What the program logs, as RATHOLE_LOG says it, which goes before it. Ours.
  std::optional<std::string> log = {};
  std::optional<rathole::config::server> server = {};
  std::optional<rathole::config::client> client = {};

  [[nodiscard]] bool operator==(const config&) const = default;
};

}  // namespace rathole::config
