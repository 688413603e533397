#pragma once

#include <rathole/config/diff.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/no_descriptor.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/task.hpp>
#include <rathole/protocol/messages.hpp>
#include <rathole/protocol/source_network.hpp>
#include <rathole/server/control_session.hpp>
#include <rathole/server/descriptors.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/multiplexed_client.hpp>
#include <rathole/server/refusals.hpp>
#include <rathole/transport/descriptors_of.hpp>

#include <algorithm>
#include <cstddef>
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

/// Returns why a service takes no further client now, whose channels use `per_channel` descriptors
/// each: `errc::service_in_use`, or EMFILE if its control channel and listeners would exceed what the
/// budget allows. No error if it takes one.
template <class Context>
std::error_code refusal_of_client(Context& self, const config::server_service& service,
                                  std::size_t per_channel) {
  using config::conflict_policy;
  const auto serves = [](const auto& each) {
    const auto session = each.lock();
    return session && !session->has_ended();
  };
  const auto sessions = self.registry.sessions_of(protocol::service_digest(service.name));
  const auto count = static_cast<std::size_t>(std::ranges::count_if(sessions, serves));
  const bool replaces = service.on_conflict == conflict_policy::replace;
  const std::size_t most = service.on_conflict == conflict_policy::reject ? 1 : service.max_clients;
  if (!replaces && count >= most) return errc::service_in_use;
  std::size_t needed = descriptors_of_session(service, per_channel);
  // A listener that gets no descriptor is reported like any other that cannot be opened, but a client
  // whose control channel takes one would hold it in vain.
  if (needed > 0 && count == 0 && service.kind == config::service_kind::tcp) {
    needed += service.bind_addr.size();
  }
  // It gets the descriptors of the client that it replaces, which may have multiplexed and held none.
  if (replaces) {
    for (const auto& each : sessions) {
      const auto session = each.lock();
      if (session && !session->has_ended()) needed -= std::min(needed, session->descriptors_held());
    }
  }
  update_limit(self);
  return self.descriptors.admits_fixed(needed) ? std::error_code() : no_descriptor();
}

/// Reports that a client at `peer` is refused because of `cause`; see `refusal_of_client`.
template <class Context>
void report_refused_client(Context& self, const config::server_service& service,
                           const address& peer, std::error_code cause) {
  const time_point now = self.runtime().now();
  const auto reported = self.conflict_reports.try_emplace(service.name, time_point::min()).first;
  const bool is_repeated = now < reported->second;
  if (!is_repeated) reported->second = now + refusal_interval;
  const client_refused event{service.name, peer, service.on_conflict, is_repeated, cause};
  self.emit(event);
}

/// Closes the sessions of a service except the newest, which replaces them.
template <class Context>
void replace_sessions(Context& self, const config::server_service& service) {
  const auto key = protocol::service_digest(service.name);
  const auto replaced = self.registry.keep_newest(key);
  if (replaced.empty()) return;
  const auto newest = self.registry.sessions_of(key).back().lock();
  for (const auto& each : replaced) {
    const auto session = each.lock();
    if (!session) continue;
    if (newest && !session->has_ended()) {
      const control_channel_replaced event{service.name, session->peer(), newest->peer()};
      self.emit(event);
    }
    session->close(make_error_code(errc::stopped));
  }
}

/// Runs the session of a client that `machine` has authenticated for `service`, and reports its
/// events. `listener` is requested when the listener through which the client connected is closed,
/// which ends the session. `served` counts its multiplexed stream meanwhile. If the settings have
/// changed so that the authentication is no longer valid, there is no session. Nor is there one if
/// another session has the same key: keys prove the right to open data channels, and a client that
/// an `authenticator` accepted chose its own. And there is none if the service takes no more clients, because of
/// those that came at the same time.
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
  const std::size_t per_channel = transport::descriptors_of(stream);
  if (self->registry.find_session(session_key)) co_return;
  if (refusal_of_client(*self, **known, per_channel)) co_return;
  const auto session = std::make_shared<control_session<Context>>(self, *known, std::move(stream),
                                                                  std::move(machine));
  const bool joins =
      (*known)->on_conflict == config::conflict_policy::balance && session->can_join();
  self->registry.attach(service_key, session_key, session);
  const time_point began = self->runtime().now();
  const auto close = [&session] { session->close(make_error_code(errc::stopped)); };
  std::error_code reason = out_of_memory();
  try {
    if (!joins) replace_sessions(*self, *session->service());
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
