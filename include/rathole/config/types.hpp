#pragma once

#include <rathole/config/admin.hpp>
#include <rathole/config/defaults.hpp>
#include <rathole/config/health_check.hpp>
#include <rathole/config/transport.hpp>
#include <rathole/core/access_list.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/core/bandwidth_limit.hpp>
#include <rathole/core/connection_rate.hpp>
#include <rathole/core/ip_network.hpp>
#include <rathole/core/secret.hpp>
#include <rathole/proxy_protocol/version.hpp>

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
// programs that fill the structs themselves. Keys marked "Not in upstream" are additions to
// upstream's.

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

/// Which datagrams of a visitor of a UDP service have a header of the PROXY protocol. Not in upstream.
enum class datagram_headers {
  /// The first one, and the first one over another data channel.
  first,
  /// Every one.
  every
};

/// What a server does with a client that authenticates for a service while other clients serve it. Not in
/// upstream.
enum class conflict_policy {
  /// The new client replaces the one before. Compat: what upstream does.
  replace,
  /// The new client is refused.
  reject,
  /// All serve the service, and share its visitors.
  balance
};

/// Which of the clients that share the visitors of a service a visitor gets. Not in upstream.
enum class client_affinity {
  /// The one with the fewest.
  none,
  /// For each IPv4 address or IPv6 /64 the same one, as long as it serves.
  source
};

/// The `udp` table of an instance or of a service: how UDP visitors are remembered and how much
/// of their traffic may wait. Not in upstream.
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
  /// The addresses of the local service that visitors are forwarded to; of a UDP service, one. More than one is
  /// not in upstream.
  address_list local_addr = {};
  /// To which of several addresses a visitor is forwarded. Not in upstream.
  local_strategy strategy = local_strategy::round_robin;
  /// How the client checks which of them work; it does not if unset. Of a TCP service only. Not in upstream.
  std::optional<health_check> check = {};
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
  /// How long the local service may take to accept a connection (if unset in the file, as for the client). Not
  /// in upstream.
  milliseconds connect_timeout = defaults::connect_timeout;
  /// The idle timeout of a TCP connection; 0 means none. Not in upstream.
  milliseconds idle_timeout = defaults::forward_idle_timeout;
  /// The idle timeout once one side has ended its direction. Not in upstream.
  milliseconds half_close_timeout = defaults::forward_half_close_timeout;
  /// The `udp` table of the service, whose keys override those of `client.udp`.
  udp_options udp = {};

  /// Compares all members.
  [[nodiscard]] bool operator==(const client_service&) const = default;
};

/// On which of several servers a client holds its services. Not in upstream.
enum class server_strategy {
  /// On one: the first of the list that works, until it fails.
  failover,
  /// On each of them at the same time.
  all
};

/// The table `[client]`.
struct client {
  /// The address of the server, or those of several servers; see `strategy`.
  address_list remote_addr = {};
  /// On which of several servers the client holds its services. Not in upstream.
  server_strategy strategy = server_strategy::failover;
  /// Whether IPv6 addresses of `remote_addr` are tried first. Not in upstream.
  bool prefer_ipv6 = false;
  /// The heartbeat timeout of the control channel; 0 means no limit.
  milliseconds heartbeat_timeout = defaults::heartbeat_timeout;
  /// How long each step of a connection attempt to the server may take: lookup and TCP, the proxy,
  /// each message of the transport's handshake; four times that in total. Not in upstream.
  milliseconds connect_timeout = defaults::connect_timeout;
  /// How many retries in a row a service may need: if no attempt of them is accepted by the server, the client
  /// gives the service up until its settings change, and ends with `errc::retries_exhausted` once it has given
  /// up all of them. No limit if unset. Not in upstream.
  std::optional<std::size_t> max_retries = {};
  /// How long the server may take to send its Hello, and then its Ack. Not in upstream.
  milliseconds handshake_timeout = defaults::client_handshake_timeout;
  /// How long active connections may continue once the client was asked to stop. Not in upstream.
  milliseconds shutdown_grace = defaults::shutdown_grace;
  /// How long a connection may be idle during that time before it is closed, so that idle ones do
  /// not delay a restart; 0 means for all of `shutdown_grace`. Not in upstream.
  milliseconds shutdown_idle_timeout = defaults::shutdown_idle_timeout;
  /// The most data channels of one control channel that dial or wait for a visitor, at least 1.
  /// Not in upstream.
  std::size_t max_dials = defaults::max_dials;
  /// The most active connections of all services, which the server requests; at least 1. Not in
  /// upstream.
  std::size_t max_forwards = defaults::max_forwards;
  /// The threads for traffic and handshakes; 0 means one for each processor, as far as there are
  /// descriptors. Not in upstream.
  std::size_t workers = 0;
  /// How long the program waits for its control channels before it reports to a service manager
  /// that it is ready. Not in upstream.
  milliseconds ready_timeout = defaults::ready_timeout;
  /// The services, in the order of their names.
  std::vector<client_service> services = {};
  /// How the client reaches the server.
  rathole::config::transport transport = {};
  /// Where the program can be operated, if anywhere; a problem for `rathole::client` and `server`. Not in
  /// upstream.
  std::optional<admin_options> admin = {};

  /// Compares all members.
  [[nodiscard]] bool operator==(const client&) const = default;
};

/// A `pool` table, of `server` or of `server.services.NAME`: how visitors get data channels.
/// Not in upstream.
struct pool_options {
  /// The idle data channels that the server keeps ready; 0 means that each visitor waits for its
  /// own.
  std::size_t size = defaults::tcp_pool_size;
  /// The idle data channels that a TCP service keeps ready at most, while visitors find none; not
  /// more than `max_idle`. A value below `size` counts as `size`, and a pool of the size 0 does not
  /// grow.
  std::size_t max_size = defaults::pool_max_size;
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
  /// The idle timeout of a TCP connection; 0 means none. Not in upstream.
  milliseconds idle_timeout = defaults::forward_idle_timeout;
  /// The idle timeout once one side has ended its direction. Not in upstream.
  milliseconds half_close_timeout = defaults::forward_half_close_timeout;
  /// The `udp` table of the service, whose keys override those of `server.udp`.
  udp_options udp = {};
  /// The version of the header of the PROXY protocol that tells the local service the address of each
  /// visitor; none if it gets no header. A UDP service can only have version 2. Compat: as
  /// `enable_proxy_protocol` in upstream after v0.5.0.
  std::optional<rathole::proxy_protocol::version> proxy_protocol = {};
  /// Which datagrams of a UDP service have that header. Not in upstream.
  datagram_headers proxy_protocol_datagrams = datagram_headers::first;
  /// Whether visitors may come through `trusted_proxies`, whose connections begin with a header of the PROXY
  /// protocol. For TCP only. Not in upstream.
  bool accept_proxy_protocol = false;
  /// The networks of these proxies. Connections from elsewhere have no header. Not in upstream.
  std::vector<ip_network> trusted_proxies = {};
  /// The keys `allow` and `deny`: which visitors are accepted, by their addresses. Behind a trusted proxy the
  /// address in its header counts. Not in upstream.
  access_list access = {};
  /// The most visitors of a TCP service that wait or are forwarded at the same time, at least 1; no limit if
  /// unset. For UDP see `udp_options::max_visitors`. Not in upstream.
  std::optional<std::size_t> max_connections = {};
  /// The same of one IPv4 address or IPv6 /64; of a UDP service, the most visitors that are remembered. Not in
  /// upstream.
  std::optional<std::size_t> max_connections_per_address = {};
  /// How many new visitors of one IPv4 address or IPv6 /64 are accepted; no limit if unset. Not in upstream.
  std::optional<connection_rate> new_connections_per_second = {};
  /// How many bytes a second the connections of a TCP service carry together. Not in upstream.
  bandwidth_limit bandwidth = {};
  /// What happens to a further client. Not in upstream.
  conflict_policy on_conflict = conflict_policy::replace;
  /// The most clients that share the visitors, if `on_conflict` is `balance`; at least 1. Not in upstream.
  std::size_t max_clients = defaults::max_clients;
  /// Which of them a visitor gets. Not in upstream.
  client_affinity affinity = client_affinity::none;

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
  /// channel, may take; four times that in total. Not in upstream.
  milliseconds handshake_timeout = defaults::server_handshake_timeout;
  /// The most unauthenticated connections, at least 1; beyond that, a new one replaces an old one.
  /// Not in upstream.
  std::size_t max_handshakes = defaults::max_handshakes;
  /// The most unauthenticated connections of one IPv4 address or IPv6 /64, at least 1. It does not
  /// apply to an address that holds a control channel. Not in upstream.
  std::size_t max_handshakes_per_address = defaults::max_handshakes_per_address;
  /// The threads for traffic and handshakes; 0 means one for each processor, as far as there are
  /// descriptors. Not in upstream.
  std::size_t workers = 0;
  /// How long active connections may continue once the server was asked to stop. Not in upstream.
  milliseconds shutdown_grace = defaults::shutdown_grace;
  /// How long a connection may be idle during that time before it is closed, so that idle ones do
  /// not delay a restart; 0 means for all of `shutdown_grace`. Not in upstream.
  milliseconds shutdown_idle_timeout = defaults::shutdown_idle_timeout;
  /// The services, in the order of their names.
  std::vector<server_service> services = {};
  /// How clients reach the server.
  rathole::config::transport transport = {};
  /// Whether clients may come through `trusted_proxies`, whose connections begin with a header of the PROXY
  /// protocol. Not in upstream.
  bool accept_proxy_protocol = false;
  /// The networks of these proxies. Connections from elsewhere have no header. Not in upstream.
  std::vector<ip_network> trusted_proxies = {};
  /// The keys `allow` and `deny`: which clients are accepted, by their addresses, like `server_service::access`.
  /// Not in upstream.
  access_list access = {};
  /// Where the program can be operated, if anywhere; a problem for `rathole::client` and `server`. Not in
  /// upstream.
  std::optional<admin_options> admin = {};

  /// Compares all members.
  [[nodiscard]] bool operator==(const server&) const = default;
};

/// The form of log lines.
enum class log_form {
  /// For people.
  text,
  /// A JSON object a line.
  json
};

/// What the program logs and where. Not in upstream.
struct log_settings {
  /// The key `log`: what is logged, in the syntax of RATHOLE_LOG, which takes precedence.
  std::optional<std::string> filter = {};
  /// The key `log_file`: the file to which the log is written; standard output if there is none.
  std::optional<std::string> file = {};
  /// The key `log_format`: the form of the lines of both logs.
  log_form form = log_form::text;
  /// The key `access_log`: the file that gets a line for each forwarded connection, if any.
  std::optional<std::string> access = {};

  /// Compares all members.
  [[nodiscard]] bool operator==(const log_settings&) const = default;
};

/// One configuration; it has at least one of `server` and `client`.
struct config {
  /// What the program logs.
  log_settings log = {};
  /// The table `[server]`, if there is one.
  std::optional<rathole::config::server> server = {};
  /// The table `[client]`, if there is one.
  std::optional<rathole::config::client> client = {};

  /// Compares all members.
  [[nodiscard]] bool operator==(const config&) const = default;
};

}  // namespace rathole::config
