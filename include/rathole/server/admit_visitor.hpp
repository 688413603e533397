#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/core/no_descriptor.hpp>
#include <rathole/core/time.hpp>
#include <rathole/server/descriptors.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/visitor.hpp>

#include <string_view>
#include <system_error>
#include <utility>

namespace rathole::server_side {

/// Returns whether the program's `visitor_filter`, if there is one, accepts a visitor.
template <class Context>
bool passes_filter(Context& self, std::string_view service, const address& visitor) {
  if (!self.hooks->accepts_visitor) return true;
  try {
    return self.hooks->accepts_visitor(service, visitor);
  } catch (...) {
    return false;
  }
}

/// Returns whether the settings of the service admit a visitor, which is then counted. If they do not, it is
/// reset and reported.
template <class Session>
bool passes_gate(Session& session, typename Session::visitor_type& visitor) {
  auto& context = *session.shared_context();
  const time_point now = context.runtime().now();
  auto admitted = session.gate().admit(visitor.peer(), now);
  if (admitted) {
    visitor.holds(std::move(*admitted));
    return true;
  }
  const std::error_code cause = admitted.error();
  visitor.abort(cause);
  visitor_refused event{session.service()->name, visitor.peer(), cause};
  event.repeated = session.gate().note_refusal(cause, now);
  context.emit(std::as_const(event));
  return false;
}

/// Passes a visitor that has just arrived to the session of its service, a `tcp_channels`. It is
/// reset instead if new visitors or this one are refused, or if there is no descriptor for its data
/// channel.
template <class Session>
void admit_visitor(Session& session, typename Session::visitor_type visitor) {
  auto& context = *session.shared_context();
  const bool is_asked = !session.gate().is_open() && !visitor.is_in_process();
  if (is_asked && !passes_gate(session, visitor)) return;
  // The filter may update the settings of the service.
  const auto service = session.service();
  std::error_code cause;
  if (const auto& draining = context.hooks->draining; draining && *draining) {
    cause = errc::draining;
  } else if (!visitor.is_in_process() && !passes_filter(context, service->name, visitor.peer())) {
    cause = errc::visitor_rejected;
  } else {
    balance(context);
    const auto& budget = context.descriptors;
    const bool is_admitted =
        session.is_multiplexed() ? budget.admits_visitor_of_stream() : budget.admits_visitor();
    if (!is_admitted) cause = no_descriptor();
  }
  if (!cause) return session.visitor_arrived(std::move(visitor));
  visitor.abort(cause);
  const visitor_refused event{service->name, visitor.peer(), cause};
  context.emit(event);
}

}  // namespace rathole::server_side
