#pragma once

#include <rathole/client/events.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>

#include <memory>
#include <system_error>
#include <utility>

namespace rathole::client_side {

/// Reports, on the control plane, that the local address `where` of `service` is down because of `reason`, or up
/// again if there is none.
template <class Context>
void report_target(const std::shared_ptr<Context>& self,
                   std::shared_ptr<const config::client_service> service, address where,
                   std::error_code reason) {
  self->on_control_plane([self, service = std::move(service), where = std::move(where), reason] {
    const local_target_changed event{service->name, where, reason};
    self->emit(event);
  });
}

}  // namespace rathole::client_side
