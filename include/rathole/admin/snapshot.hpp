#pragma once

#include <rathole/admin/service_statistics.hpp>
#include <rathole/io/live_connection.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::admin {

/// What the program does as a whole.
enum class program_state {
  /// It has not served yet.
  starting,
  /// It serves.
  running,
  /// It serves the visitors that it has, and refuses new ones.
  draining,
  /// It was asked to stop.
  stopping
};

/// The names of `program_state`.
inline constexpr std::array<std::string_view, 4> program_state_names{"starting", "running",
                                                                     "draining", "stopping"};

/// The results of reloads, and of handshakes of a server, that are counted.
struct program_counters {
  /// Reloads whose changes are in use.
  std::uint64_t reloads_applied = 0;
  /// Reloads of a configuration that cannot be used.
  std::uint64_t reloads_invalid = 0;
  /// Reloads of a valid configuration that could not be applied.
  std::uint64_t reloads_failed = 0;
  /// Whether the last reload succeeded.
  bool is_last_reload_good = true;
  /// Control channels that clients established with a server.
  std::uint64_t handshakes_ok = 0;
  /// Connections to the clients' port that failed before they were a channel.
  std::uint64_t handshakes_failed = 0;
  /// Clients that were refused for an unknown service or a wrong token.
  std::uint64_t handshakes_refused = 0;
};

/// What all services have carried since the start of the program, also those that are gone.
struct connection_totals {
  /// The TCP connections that are forwarded now.
  std::size_t active = 0;
  /// All TCP connections.
  std::uint64_t total = 0;
  /// The bytes from visitors.
  std::uint64_t received = 0;
  /// The bytes to visitors.
  std::uint64_t sent = 0;
  /// The visitors that were refused.
  std::uint64_t refused = 0;

  /// Adds what one service has carried.
  connection_totals& operator+=(const service_statistics& of) {
    active += of.active;
    total += of.total;
    received += of.received;
    sent += of.sent;
    refused += of.all_refused();
    return *this;
  }
  /// Compares all members.
  [[nodiscard]] bool operator==(const connection_totals&) const = default;
};

/// A copy of what is known about the program, for a thread that shows it.
struct snapshot {
  /// Whether it is a server.
  bool is_server = true;
  /// The transport, as `transport.type` names it.
  std::string transport = {};
  /// What it does.
  program_state state = program_state::starting;
  /// Why it is not ready; empty if it is.
  std::string unready = {};
  /// When it started.
  std::chrono::system_clock::time_point started = {};
  /// The counters of the program.
  program_counters counters = {};
  /// What it has carried.
  connection_totals totals = {};
  /// The services, in the order of their names.
  std::vector<service_statistics> services = {};
};

/// A forwarded connection.
struct connection_record {
  /// Its number.
  std::uint64_t id = 0;
  /// The name of its service.
  std::string service = {};
  /// The address of its visitor; empty on a client.
  std::string visitor = {};
  /// When it began.
  std::chrono::system_clock::time_point since = {};
  /// What it has carried.
  io::carried_bytes carried = {};
};

/// Some of the forwarded connections.
struct connection_list {
  /// The newest ones first.
  std::vector<connection_record> connections = {};
  /// How many there are in all.
  std::size_t total = 0;
};

}  // namespace rathole::admin
