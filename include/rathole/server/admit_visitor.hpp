#pragma once

#include <rathole/server/descriptors.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/visitor.hpp>

#include <system_error>
#include <utility>

namespace rathole::server_side {

/// Passes a visitor that has just arrived to the session of its service, a `tcp_channels`. It is
/// reset instead if there is no descriptor for its data channel.
template <class Session>
void admit_visitor(Session& session, typename Session::visitor_type visitor) {
  auto& context = *session.shared_context();
  balance(context);
  if (context.descriptors.admits_visitor()) return session.visitor_arrived(std::move(visitor));
  const std::error_code cause = no_descriptor();
  visitor.abort(cause);
  const visitor_refused event{session.service()->name, visitor.peer(), cause};
  context.emit(event);
}

}  // namespace rathole::server_side
