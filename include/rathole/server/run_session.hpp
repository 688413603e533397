#pragma once

#include <rathole/config/diff.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/task.hpp>
#include <rathole/protocol/messages.hpp>
#include <rathole/protocol/source_network.hpp>
#include <rathole/server/control_session.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/multiplexed_client.hpp>

#include <memory>
#include <new>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>

namespace rathole::server_side {

/// Counts a control channel of a peer while it exists; see `admission_control::exempt`.
template <class Context>
class exemption {
 public:
  /// Counts a control channel of `peer`.
  exemption(Context& context, const address& peer)
      : context_(context), source_(protocol::source_network(peer.host)) {
    context_.admission->exempt(source_);
  }
  exemption(const exemption&) = delete;
  exemption& operator=(const exemption&) = delete;
  /// Stops counting it.
  ~exemption() { context_.admission->unexempt(source_); }

 private:
  Context& context_;
  const std::string source_;
};

/// Runs the session of a client that `machine` has authenticated for `service`, and reports its
/// events. `listener` is requested when the listener through which the client connected is closed,
/// which ends the session. `served` counts its multiplexed stream meanwhile. If the settings have
/// changed so that the authentication is no longer valid, there is no session. Nor is there one if
/// another session has the same key: keys prove the right to open data channels, and a client that
/// an `authenticator` accepted chose its own.
template <class Context>
io::awaitable<void> run_session(std::shared_ptr<Context> self,
                                std::shared_ptr<const config::server_service> service,
                                typename Context::stream_type stream,
                                typename control_session<Context>::machine_type machine,
                                protocol::digest service_key, protocol::digest session_key,
                                [[maybe_unused]] served_stream_pointer<Context> served,
                                std::stop_token listener) {
  const auto* known = self->registry.find_service(service_key);
  if (!known || !config::same_service(*service, **known) || listener.stop_requested()) co_return;
  if (self->registry.find_session(session_key)) co_return;
  const auto session = std::make_shared<control_session<Context>>(self, *known, std::move(stream),
                                                                  std::move(machine));
  const auto previous = self->registry.attach(service_key, session_key, session);
  if (const auto replaced = previous ? previous->lock() : nullptr) {
    const control_channel_replaced event{session->service()->name, replaced->peer(),
                                         session->peer()};
    self->emit(event);
    replaced->close(make_error_code(errc::stopped));
  }
  const time_point began = self->runtime().now();
  const auto close = [&session] { session->close(make_error_code(errc::stopped)); };
  std::error_code reason = out_of_memory();
  try {
    const exemption<Context> exempt(*self, session->peer());
    const control_channel_established established{session->service()->name, session->peer()};
    self->emit(established);
    const std::stop_callback on_listener_closed(listener, close);
    reason = co_await session->run();
  } catch (const std::bad_alloc&) {
    session->close(reason);
  }
  self->registry.detach(service_key, session_key);
  const auto settings = self->settings;
  const control_channel_closed closed{session->service()->name, session->peer(), reason,
                                      self->runtime().now() - began, *settings};
  self->emit(closed);
}

}  // namespace rathole::server_side
