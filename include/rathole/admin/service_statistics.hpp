#pragma once

#include <rathole/admin/histogram.hpp>
#include <rathole/admin/server_statistics.hpp>
#include <rathole/config/types.hpp>
#include <rathole/protocol/udp_counters.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace rathole::admin {

/// Why a visitor was refused.
enum class refusal_reason {
  /// Too many visitors waited.
  limit,
  /// It waited too long for a data channel.
  timeout,
  /// The program's filter refused it.
  filter,
  /// New visitors are refused.
  draining,
  /// The client went while it waited.
  no_client,
  /// There was no descriptor or memory.
  resources,
  /// Its data channel could not be started, or another reason.
  failed,
  /// `allow` or `deny` refuses its address.
  denied,
  /// The service has `max_connections`.
  connections,
  /// Its address has `max_connections_per_address`.
  address_limit,
  /// Its address exceeds `new_connections_per_second`.
  rate
};

/// The names of `refusal_reason` in metrics.
inline constexpr std::array<std::string_view, 11> refusal_reason_names{
    "limit",  "timeout", "filter",      "draining",      "no_client", "resources",
    "failed", "denied",  "connections", "address_limit", "rate"};

/// Why a control channel ended or was not established.
enum class reconnect_cause {
  /// The other side refused it: service or token is wrong.
  refused,
  /// The connection could not be made, or broke.
  network,
  /// The peer does not follow the protocol, or the transport's handshake failed.
  protocol,
  /// Another client took the service.
  displaced,
  /// The other side did not answer in time.
  timeout
};

/// The names of `reconnect_cause` in metrics.
inline constexpr std::array<std::string_view, 5> reconnect_cause_names{
    "refused", "network", "protocol", "displaced", "timeout"};

/// A client that serves a service of a server.
struct client_statistics {
  /// Its address.
  std::string address = {};
  /// The visitors that wait for it or are served by it.
  std::size_t visitors = 0;
  /// Whether new visitors avoid it, because it has failed to serve one.
  bool is_skipped = false;
};

/// What is known about one service of the program.
struct service_statistics {
  /// The time of the system's clock.
  using time = std::chrono::system_clock::time_point;

  /// The name.
  std::string name = {};
  /// What it forwards.
  config::service_kind kind = config::service_kind::tcp;
  /// The configuration file that has it.
  std::string file = {};
  /// The name of the table that has it, if that is a range of ports; otherwise empty.
  std::string range = {};
  /// On a server the configured addresses, on a client the local service.
  std::vector<std::string> configured = {};
  /// The addresses at which a server listens for visitors.
  std::vector<std::string> listening = {};
  /// The other sides of the established control channels, the newest last; a new one may come before the old
  /// one has ended.
  std::vector<std::string> channels = {};
  /// The addresses that a server cannot bind.
  std::vector<std::string> unbound = {};
  /// The local addresses of a client that are down, while it forwards visitors to others.
  std::vector<std::string> down = {};
  /// When the service came up or went down.
  time since = {};
  /// Why it is down; empty if it is up.
  std::string reason = {};
  /// The clients of a service of a server, the newest last.
  std::vector<client_statistics> clients = {};

  /// The servers of a client, in the order of the settings.
  std::vector<server_statistics> servers = {};

  /// The TCP connections that are forwarded now.
  std::size_t active = 0;
  /// All TCP connections so far.
  std::uint64_t total = 0;
  /// The bytes from visitors, of connections that have ended.
  std::uint64_t received = 0;
  /// The bytes to visitors, of connections that have ended.
  std::uint64_t sent = 0;
  /// The visitors that were refused, by `refusal_reason`.
  std::array<std::uint64_t, refusal_reason_names.size()> refused = {};
  /// The control channels that ended or were not established, by `reconnect_cause`.
  std::array<std::uint64_t, reconnect_cause_names.size()> reconnects = {};
  /// The clients that a server refused because the service took no more.
  std::uint64_t clients_refused = 0;
  /// The visitors that got another client, because one did not serve them.
  std::uint64_t failed_over = 0;
  /// How long connections lasted.
  histogram<connection_bounds> lasted = {};
  /// How long visitors waited for a data channel, on a server.
  histogram<wait_bounds> waited = {};
  /// The datagrams of a UDP service. `sent` and `received` are as seen from the tunnel, see
  /// `datagrams_received`.
  protocol::udp_counters datagrams = {};
  /// The visitors of a UDP service that are remembered.
  std::size_t udp_visitors = 0;
  /// The idle data channels, on a server.
  std::size_t idle = 0;
  /// The visitors that wait for a data channel, on a server.
  std::size_t waiting = 0;

  /// Returns the other side, the newest client on a server, the server on a client; empty while there is none.
  [[nodiscard]] std::string peer() const {
    return channels.empty() ? std::string() : channels.back();
  }
  /// Returns whether the service can be reached.
  [[nodiscard]] bool is_up() const {
    return !channels.empty() && (unbound.empty() || !listening.empty());
  }
  /// Returns the addresses that do not work.
  [[nodiscard]] const std::vector<std::string>& down_addresses() const {
    return unbound.empty() ? down : unbound;
  }
  /// Returns how many visitors were refused.
  [[nodiscard]] std::uint64_t all_refused() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t each : refused) sum += each;
    return sum;
  }
};

/// Returns how many of the services `all` can be reached, as text; empty if all can.
inline std::string unserved_text(const std::vector<service_statistics>& all) {
  const auto up = static_cast<std::size_t>(std::ranges::count_if(all, &service_statistics::is_up));
  if (up == all.size()) return {};
  return std::to_string(up) + " of " + std::to_string(all.size()) + " services can be reached";
}

}  // namespace rathole::admin
