#pragma once

#include <rathole/config/types.hpp>

#include <string>
#include <vector>

namespace rathole::admin {

/// A service as the settings have it.
struct service_description {
  /// The name.
  std::string name = {};
  /// What it forwards.
  config::service_kind kind = config::service_kind::tcp;
  /// The configuration file that has it.
  std::string file = {};
  /// The name of the table that has it, if that is a range of ports; otherwise empty.
  std::string range = {};
  /// On a server the addresses for visitors, on a client the local service.
  std::vector<std::string> addresses = {};
  /// The servers of a client.
  std::vector<std::string> servers = {};
};

}  // namespace rathole::admin
