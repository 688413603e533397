#pragma once

#include <rathole/protocol/messages.hpp>

namespace rathole::server_side {

/// Returns the first pointer that is not null of those that `part` returns for the sessions of the service with
/// the digest `key` that have not ended; null if there is none. On the control plane.
template <class Pointer, class Context, class Part>
Pointer find_in_sessions(Context& self, const protocol::digest& key, Part part) {
  for (const auto& each : self.registry.sessions_of(key)) {
    const auto session = each.lock();
    if (!session || session->has_ended()) continue;
    if (Pointer found = part(*session)) return found;
  }
  return nullptr;
}

}  // namespace rathole::server_side
