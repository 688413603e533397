#pragma once

#include <rathole/embed/datagram_listener_core.hpp>
#include <rathole/embed/listener_core.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/time/asio_timer.hpp>
#include <rathole/version.hpp>

#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

class client_core;

/// The implementation of a `listener`.
struct listener_body {
  /// The type of the core.
  using core_type = listener_core<io::asio_runtime>;

  /// The client.
  std::shared_ptr<client_core> client;
  /// The name of the service.
  std::string service;
  /// The visitors.
  std::shared_ptr<core_type> core;
};

/// The implementation of a `datagram_listener`.
struct datagram_listener_body {
  /// The client.
  std::shared_ptr<client_core> client;
  /// The name of the service.
  std::string service;
  /// The datagrams.
  std::shared_ptr<datagram_listener_core> core;
};

/// The implementation of a `forwarding`.
struct forwarding_body {
  /// The client.
  std::shared_ptr<client_core> client;
  /// The name of the service.
  std::string service;
  /// Whether and how the attempt to add the service has ended.
  std::optional<std::error_code> added = {};
  /// What waits for that.
  std::vector<completion<>> waiting = {};
};

}  // namespace rathole::embed::inline RATHOLE_ABI
