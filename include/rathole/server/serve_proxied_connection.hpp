#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/io/task.hpp>
#include <rathole/server/read_proxy_header.hpp>
#include <rathole/server/serve_channels.hpp>
#include <rathole/server/serve_connection.hpp>

#include <memory>
#include <stop_token>
#include <utility>

namespace rathole::server_side {

/// Reads the header of a connection from a trusted proxy to the clients' port, and serves the client that it
/// names. `listener` is requested when the listener of the connection is closed.
template <class Context>
io::awaitable<void> serve_proxied_connection(std::shared_ptr<Context> self,
                                             typename Context::visitor_type accepted,
                                             std::stop_token listener) {
  const address proxy = accepted.peer();
  const auto header = co_await await_proxy_header(self, accepted, listener);
  if (!header) {
    accepted.abort();
    if (!is_no_refusal(header.error())) report_refusal(*self, proxy, header.error(), nullptr, {});
    co_return;
  }
  if (header->ends()) accepted.set_peer(to_address(header->ends()->source));
  if (!accepts_client(*self, accepted)) co_return;
  auto pending = self->admission->admit(accepted.peer());
  auto serving =
      serve_connection(self, std::move(accepted), std::move(pending), std::move(listener));
  co_await std::move(serving);
}

}  // namespace rathole::server_side
