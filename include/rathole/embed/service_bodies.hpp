#pragma once

#include <rathole/embed/context_end.hpp>
#include <rathole/embed/datagram_listener_core.hpp>
#include <rathole/embed/listener_core.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/embed/problem_record.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/version.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

class client_core;

/// What the implementations of the services of a client that were added at run time have in common.
struct service_body {
  /// Makes the implementation of the service `name` of `of`.
  service_body(std::shared_ptr<client_core> of, std::string name)
      : client(std::move(of)), service(std::move(name)) {}

  /// The client.
  std::shared_ptr<client_core> client;
  /// The name of the service.
  std::string service;
  /// A number that tells the service from others of its name, before and after it.
  const std::uint64_t id = ++last_id;
  /// What was wrong with the settings of the last operation of the service that failed because of
  /// them.
  problem_record problems = {};

 private:
  inline static std::atomic<std::uint64_t> last_id = 0;
};

/// The implementation of a `listener`.
struct listener_body : service_body {
  /// The type of the core.
  using core_type = listener_core<io::asio_runtime>;

  /// Makes the implementation of a listener for the visitors in `what`.
  listener_body(std::shared_ptr<client_core> of, std::string name, std::shared_ptr<core_type> what)
      : service_body(std::move(of), std::move(name)), core(std::move(what)) {}

  /// The visitors.
  std::shared_ptr<core_type> core;
};

/// The implementation of a `datagram_listener`.
struct datagram_listener_body : service_body {
  /// Makes the implementation of a listener for the datagrams in `what`.
  datagram_listener_body(std::shared_ptr<client_core> of, std::string name,
                         std::shared_ptr<datagram_listener_core> what)
      : service_body(std::move(of), std::move(name)), core(std::move(what)) {}

  /// The datagrams.
  std::shared_ptr<datagram_listener_core> core;
};

/// The implementation of a `forwarding`. Except for its bases, it lives on the control plane.
struct forwarding_body final : service_body, context_member {
  using service_body::service_body;

  void drop_handlers() override { const auto dropped = std::exchange(waiting, {}); }

  /// Whether and how the attempt to add the service has ended.
  std::optional<std::error_code> added = {};
  /// What waits for that.
  std::vector<completion<>> waiting = {};
};

}  // namespace rathole::embed::inline RATHOLE_ABI
