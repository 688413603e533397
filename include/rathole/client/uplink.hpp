#pragma once

#include <rathole/client/server_choice.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace rathole::client_side {

template <class Context>
class service_runner;

/// Holds all services of a client on one server at a time. A client has one uplink, which chooses
/// among all its servers, or one for each server if its `strategy` is `all`. The uplinks share
/// nothing but what bounds the whole client: its connections, its descriptors and its threads.
template <class Context>
struct uplink {
  /// Makes an uplink without services, to one of `servers`.
  explicit uplink(address_list servers) : choice(std::move(servers)) {}

  /// Decides which server it is.
  server_choice choice;
  /// The services by their names. The coroutines that run them own them.
  std::map<std::string, std::weak_ptr<service_runner<Context>>, std::less<>> services;
};

/// Returns the servers of each uplink that a client with the settings `of` has.
inline std::vector<address_list> servers_of_uplinks(const config::client& of) {
  if (of.strategy == config::server_strategy::failover) return {of.remote_addr};
  return {of.remote_addr.begin(), of.remote_addr.end()};
}

}  // namespace rathole::client_side
