#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/hex.hpp>
#include <rathole/core/no_descriptor.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/stream/lingering_close.hpp>
#include <rathole/io/stream/machine_driver.hpp>
#include <rathole/protocol/messages.hpp>
#include <rathole/server/authenticate_client.hpp>
#include <rathole/server/control_session.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/multiplexed_client.hpp>
#include <rathole/server/run_session.hpp>
#include <rathole/transport/descriptors_of.hpp>

#include <memory>
#include <new>
#include <stop_token>
#include <system_error>
#include <utility>

namespace rathole::server_side {

/// Reports that a connection became neither a control nor a data channel, unless the server itself
/// ended it. `service` is the requested service, or null if it is unknown.
template <class Context>
void report_refusal(Context& self, const address& peer, std::error_code refusal,
                    const config::server_service* service, const protocol::digest& service_key) {
  if (refusal == errc::stopped) return;
  if (refusal == errc::service_in_use || (service && refusal == no_descriptor())) {
    return report_refused_client(self, *service, peer, refusal);
  }
  const bool repeated = !self.refusals.note(peer, refusal);
  if (refusal == errc::service_not_exist) {
    self.emit(unknown_service{peer, to_hex(service_key), repeated});
  } else if (refusal == errc::authentication_failed) {
    self.emit(authentication_failed{service->name, peer, repeated});
  } else {
    self.emit(handshake_failed{peer, refusal, *self.settings});
  }
}

/// Serves a connection or a multiplexed stream that asks for a control channel: sends the challenge,
/// and starts the session if the client is authenticated.
template <class Context>
io::awaitable<void> serve_control(std::shared_ptr<Context> self,
                                  typename Context::stream_type stream,
                                  protocol::digest service_key, pending_connection<Context> pending,
                                  served_stream_pointer<Context> served, std::stop_token listener) {
  using machine_type = typename control_session<Context>::machine_type;
  auto& runtime = self->runtime();
  stream.set_nodelay(true);
  std::shared_ptr<const config::server_service> service;
  if (const auto* known = self->registry.find_service(service_key)) service = *known;
  protocol::digest nonce;
  auto rng = runtime.rng();
  rng.fill(nonce);

  machine_type machine(nonce, service != nullptr, self->settings->heartbeat_interval,
                       pending->deadline().at());
  {
    const auto close = [&stream] { stream.close(); };
    const std::stop_callback on_stop(pending->stopping(), close);
    io::machine_driver<machine_type, typename Context::stream_type, typename Context::runtime_type>
        driver(runtime, stream, machine);
    auto approved =
        co_await authenticate_client(*self, service.get(), stream.peer(), nonce, machine, driver);
    std::error_code refusal;
    if (approved) {
      refusal = refusal_of_client(*self, *service, transport::descriptors_of(stream));
    }
    if (refusal) {
      machine.refuse_in_use();
      const auto ended = co_await driver.next();
      approved = failure(ended.error() == errc::service_in_use ? refusal : ended.error());
    }
    const bool is_refused = !approved || pending->is_stopping();
    if (is_refused) {
      const std::error_code cause = approved ? make_error_code(errc::stopped) : approved.error();
      report_refusal(*self, stream.peer(), pending->explain(cause), service.get(), service_key);
      if (stream.is_open()) co_await io::lingering_close(runtime, stream, pending->deadline().at());
      co_return;
    }
  }
  if (served) served->authenticated();
  pending.reset();
  const protocol::digest session_key = machine.auth();
  self->group.spawn(run_session(self, std::move(service), std::move(stream), std::move(machine),
                                service_key, session_key, std::move(served), std::move(listener)));
}

/// Serves a data channel of a session; `served` counts it until its end. If memory runs out before
/// its connection is active, the session is ended, because its count of channels is no longer valid;
/// the client starts a new one.
template <class Context>
io::awaitable<void> serve_data_channel(std::shared_ptr<control_session<Context>> session,
                                       typename Context::stream_type channel,
                                       [[maybe_unused]] served_stream_pointer<Context> served) {
  const std::weak_ptr<control_session<Context>> serving = session;
  try {
    co_await control_session<Context>::run_data_channel(std::move(session), std::move(channel));
  } catch (const std::bad_alloc&) {
    if (const auto still = serving.lock()) still->close(out_of_memory());
  }
}

/// Serves a connection or a multiplexed stream whose Hello has arrived, as what that says.
/// `served` is null for a connection.
template <class Context>
void serve_channel(const std::shared_ptr<Context>& self, typename Context::stream_type stream,
                   const protocol::hello& hello, pending_connection<Context> pending,
                   served_stream_pointer<Context> served, std::stop_token listener) {
  if (hello.kind == protocol::hello_kind::control) {
    self->group.spawn(serve_control(self, std::move(stream), hello.digest, std::move(pending),
                                    std::move(served), std::move(listener)));
    return;
  }
  const auto* known = self->registry.find_session(hello.digest);
  if (auto session = known ? known->lock() : nullptr) {
    if (served) served->authenticated();
    self->group.spawn(
        serve_data_channel<Context>(std::move(session), std::move(stream), std::move(served)));
    return;
  }
  report_refusal(*self, stream.peer(), pending->explain(errc::unknown_session), nullptr, {});
}

}  // namespace rathole::server_side
