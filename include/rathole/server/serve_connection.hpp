#pragma once

#include <rathole/core/access_list.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/io/run/run_on.hpp>
#include <rathole/protocol/messages.hpp>
#include <rathole/server/read_hello.hpp>
#include <rathole/server/serve_channels.hpp>
#include <rathole/server/serve_multiplexed.hpp>

#include <memory>
#include <stop_token>
#include <utility>

namespace rathole::server_side {

/// Returns whether clients may come from the address of a new connection. If they may not, it is reset and
/// reported.
template <class Context>
bool accepts_client(Context& self, typename Context::visitor_type& accepted) {
  if (self.settings->access.accepts(accepted.peer())) return true;
  const address peer = accepted.peer();
  accepted.abort();
  report_refusal(self, peer, errc::address_denied, nullptr, {});
  return false;
}

/// Serves a new connection until its Hello says what it is for, and passes it on. `pending` limits
/// the time of each step: transport handshake, Hello and Auth. `listener` is requested when the
/// listener of the connection is closed.
template <class Context>
io::awaitable<void> serve_connection(std::shared_ptr<Context> self,
                                     typename Context::visitor_type accepted,
                                     pending_connection<Context> pending,
                                     std::stop_token listener) {
  using runtime_type = typename Context::runtime_type;
  const address peer = accepted.peer();
  runtime_type home = self->runtime();
  runtime_type runtime = home;
  if constexpr (Context::transport_type::handshake_is_expensive) {
    runtime = home.worker();
    if (runtime.get_executor() != home.get_executor()) accepted = accepted.move_to(runtime);
  }
  auto transport = self->transport.at(runtime);
  auto arrived =
      co_await io::run_on(runtime.get_executor(),
                          accept_handshake<Context>(std::move(transport), home, std::move(accepted),
                                                    pending->deadline(), pending->stopping()));
  if (!arrived) {
    report_refusal(*self, peer, pending->explain(arrived.error()), nullptr, {});
    co_return;
  }
  if (arrived->hello.kind == protocol::hello_kind::multiplexed) {
    self->group.spawn(serve_multiplexed(self, std::move(arrived->stream), arrived->hello.digest,
                                        std::move(pending), std::move(listener)));
    co_return;
  }
  serve_channel<Context>(self, std::move(arrived->stream), arrived->hello, std::move(pending),
                         nullptr, std::move(listener));
}

}  // namespace rathole::server_side
