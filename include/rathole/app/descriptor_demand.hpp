#pragma once

#include <rathole/client/dial_limits.hpp>
#include <rathole/config/key.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/types.hpp>
#include <rathole/io/workers.hpp>
#include <rathole/protocol/descriptor_budget.hpp>
#include <rathole/server/descriptors.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rathole::app {

/// Returns how many descriptors `service` of a server needs for its listeners and for the channels of
/// one client that does not multiplex.
inline std::size_t descriptors_needed(const config::server_service& service) {
  const std::size_t session = server_side::descriptors_of_session(service, 1);
  return service.kind == config::service_kind::udp ? session : session + service.bind_addr.size();
}

/// Returns how many descriptors `service` of a client that does not multiplex needs at one server, with
/// those that are kept for a connection.
inline std::size_t descriptors_needed(const config::client_service& service) {
  const bool is_udp = service.kind == config::service_kind::udp;
  return 1 + (is_udp ? client_side::claimed_udp_channels : 0) + protocol::connection_descriptors;
}

namespace detail {

/// What the services of one side need.
struct descriptor_demand {
  /// The table of the side.
  std::string_view side;
  /// The key of a service that has its addresses.
  std::string_view key;
  /// What the descriptors are for.
  std::string_view purpose;
  /// How many descriptors are needed for other things.
  std::size_t needed = 0;
  /// How often each service is counted.
  std::size_t copies = 1;
};

/// Returns the warning for `services`, which together may have `allowed` of the `limit` descriptors.
template <class Services>
std::optional<config::problem> warn_of_descriptors(const Services& services,
                                                   descriptor_demand demand, std::size_t allowed,
                                                   std::uint64_t limit) {
  std::optional<std::string> first;
  for (const auto& each : services) {
    demand.needed += demand.copies * descriptors_needed(each);
    if (first || demand.needed <= allowed) continue;
    const std::string table = config::key_path(demand.side, "services");
    first = config::key_path(config::key_path(table, each.name), demand.key);
  }
  if (!first) return std::nullopt;
  config::problem out;
  out.key = *first;
  out.what = "the services of `" + std::string(demand.side) + "` need " +
             std::to_string(demand.needed) + " descriptors for " + std::string(demand.purpose) +
             ", and with a limit of " + std::to_string(limit) + " open files they may have " +
             std::to_string(allowed) + ": from this one on, some will not be served";
  out.remedy =
      "raise the limit (`ulimit -n`, LimitNOFILE= of systemd), set "
      "`client.transport.multiplex`, or serve fewer ports";
  out.level = config::severity::warning;
  return out;
}

/// Returns `limit` as the budget counts it.
inline std::size_t counted_limit(std::uint64_t limit) {
  return static_cast<std::size_t>(
      std::min<std::uint64_t>(limit, protocol::descriptor_budget::unlimited));
}

/// Returns how many of `limit` descriptors are left beside the threads of `workers`, the setting.
inline std::size_t beside_workers(std::size_t limit, std::size_t workers) {
  const std::size_t threads = io::contexts_for(workers, limit) - 1;
  return protocol::limit_beside_threads(limit, threads * io::descriptors_per_worker);
}

/// Returns the warning for more `workers` of the side `side` than there may be beside `limit` descriptors.
inline std::optional<config::problem> warn_of_workers(std::string_view side, std::size_t workers,
                                                      std::size_t limit) {
  if (workers <= io::max_contexts(limit)) return std::nullopt;
  config::problem out;
  out.key = config::key_path(side, "workers");
  out.what = "with a limit of " + std::to_string(limit) + " open files there may be " +
             std::to_string(io::max_contexts(limit)) +
             " worker threads, so that the program does not start";
  out.remedy = "set fewer `workers`, or raise the limit (`ulimit -n`, LimitNOFILE= of systemd)";
  out.level = config::severity::warning;
  return out;
}

}  // namespace detail

/// Returns a warning if a process that may have `limit` descriptors has too few for `workers`, or for the
/// listeners and control channels of all services of `server`; its key is then that of the first service
/// for which there are none. The clients decide whether they multiplex, which needs fewer.
inline std::optional<config::problem> descriptor_warning(const config::server& server,
                                                         std::uint64_t limit) {
  const std::size_t counted = detail::counted_limit(limit);
  if (auto out = detail::warn_of_workers("server", server.workers, counted)) return out;
  const detail::descriptor_demand demand{
      "server", "bind_addr", "their listeners and control channels", server.bind_addr.size()};
  const std::size_t allowed =
      protocol::max_fixed_descriptors(detail::beside_workers(counted, server.workers));
  return detail::warn_of_descriptors(server.services, demand, allowed, limit);
}

/// Returns such a warning for a client. Its services need no descriptors if it multiplexes.
inline std::optional<config::problem> descriptor_warning(const config::client& client,
                                                         std::uint64_t limit) {
  const std::size_t counted = detail::counted_limit(limit);
  if (auto out = detail::warn_of_workers("client", client.workers, counted)) return out;
  if (client.transport.multiplex) return std::nullopt;
  const bool has_all = client.strategy == config::server_strategy::all;
  const detail::descriptor_demand demand{"client", "local_addr",
                                         "their control channels and a visitor each", 0,
                                         has_all ? client.remote_addr.size() : 1};
  const std::size_t left = detail::beside_workers(counted, client.workers);
  return detail::warn_of_descriptors(client.services, demand,
                                     left - protocol::reserved_descriptors(left), limit);
}

}  // namespace rathole::app
