#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/error.hpp>
#include <rathole/protocol/authenticate.hpp>
#include <rathole/server/connect_request.hpp>
#include <rathole/server/control_session.hpp>

#include <memory>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>

namespace rathole::server_side {

/// Returns the session of the client that serves the TCP service `name`, or why the program cannot
/// be its visitor.
template <class Context>
result<std::shared_ptr<control_session<Context>>> find_serving(Context& self,
                                                               std::string_view name) {
  if (self.closing.stop_requested()) return failure(errc::stopped);
  const auto key = protocol::service_digest(name);
  const auto* const service = self.registry.find_service(key);
  if (!service) return failure(errc::service_not_exist);
  if ((*service)->kind != config::service_kind::tcp) return failure(errc::unexpected_traffic);
  const auto* const serving = self.registry.find_session_of(key);
  auto session = serving ? serving->lock() : nullptr;
  if (!session || session->has_ended()) return failure(errc::no_client);
  return session;
}

/// Lets `request` wait for a data channel of the client that serves `name`; see
/// `basic_server::connect`.
template <class Context>
void connect(Context& self, std::string_view name, connect_request request) {
  if (request.is_cancelled()) return request.complete(failure(errc::stopped));
  const auto session = find_serving(self, name);
  if (!session) return request.complete(failure(session.error()));
  try {
    (*session)->connect(std::move(request));
  } catch (const std::bad_alloc&) {
    // The request was destroyed, and thereby completed.
  }
}

}  // namespace rathole::server_side
