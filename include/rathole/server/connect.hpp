#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/error.hpp>
#include <rathole/protocol/authenticate.hpp>
#include <rathole/server/admit_visitor.hpp>
#include <rathole/server/connect_request.hpp>
#include <rathole/server/control_session.hpp>
#include <rathole/server/tcp_service.hpp>

#include <memory>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>

namespace rathole::server_side {

/// Returns the TCP service `name`, which has a client, or why the program cannot be its visitor.
template <class Context>
result<std::shared_ptr<tcp_service<Context>>> find_serving(Context& self, std::string_view name) {
  if (self.closing.stop_requested()) return failure(errc::stopped);
  const auto key = protocol::service_digest(name);
  const auto* const service = self.registry.find_service(key);
  if (!service) return failure(errc::service_not_exist);
  if ((*service)->kind != config::service_kind::tcp) return failure(errc::unexpected_traffic);
  auto found = find_tcp_service(self, key);
  if (!found) return failure(errc::no_client);
  return found;
}

/// Lets `request` wait for a data channel of the client that serves `name`; see
/// `basic_server::connect`.
template <class Context>
void connect(Context& self, std::string_view name, connect_request request) {
  if (request.is_cancelled()) return request.complete(failure(errc::stopped));
  const auto found = find_serving(self, name);
  if (!found) return request.complete(failure(found.error()));
  try {
    using visitor_type = typename tcp_service<Context>::visitor_type;
    admit_visitor(**found, visitor_type(std::move(request)));
  } catch (const std::bad_alloc&) {
    // The request was destroyed, and thereby completed.
  }
}

}  // namespace rathole::server_side
