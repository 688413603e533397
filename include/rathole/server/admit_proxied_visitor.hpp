#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/io/task.hpp>
#include <rathole/server/admit_visitor.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/read_proxy_header.hpp>

#include <memory>
#include <utility>

namespace rathole::server_side {

/// Reads the header of a connection from a trusted proxy to a service, and admits the visitor that it names.
template <class Session>
io::awaitable<void> admit_proxied_visitor(std::shared_ptr<Session> session,
                                          typename Session::context_type::visitor_type accepted) {
  const auto context = session->shared_context();
  const address proxy = accepted.peer();
  const auto header = co_await await_proxy_header(context, accepted, session->ending());
  if (!header) {
    accepted.abort();
    if (is_no_refusal(header.error())) co_return;
    const visitor_refused event{session->service()->name, proxy, header.error(), false, true};
    context->emit(event);
    co_return;
  }
  const auto& ends = header->ends();
  if (ends) accepted.set_peer(to_address(ends->source));
  typename Session::visitor_type arrived(std::move(accepted));
  if (ends) arrived.has_reached(to_address(ends->destination));
  admit_visitor(*session, std::move(arrived));
}

}  // namespace rathole::server_side
