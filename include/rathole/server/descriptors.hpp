#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/no_descriptor.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/descriptor_budget.hpp>
#include <rathole/server/events.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace rathole::server_side {

template <class Context>
class control_session;

/// The shortest time between two queries of a server for its descriptor limit.
inline constexpr duration limit_interval = std::chrono::seconds(1);

/// Returns how many descriptors a session of `service` holds while it exists, if each of its channels
/// uses `per_channel`: one channel is the control channel. A UDP service also has its sockets and
/// `channels` data channels; the listeners of a TCP service count for themselves.
inline std::size_t descriptors_of_session(const config::server_service& service,
                                          std::size_t per_channel, std::size_t channels) {
  if (service.kind != config::service_kind::udp) return per_channel;
  return service.bind_addr.size() + per_channel * (1 + channels);
}

/// Returns the same with as many data channels as the settings say.
inline std::size_t descriptors_of_session(const config::server_service& service,
                                          std::size_t per_channel) {
  return descriptors_of_session(service, per_channel, service.pool.size);
}

/// Returns how many data channels a client of the UDP service `service` may have, whose channels use
/// `per_channel` descriptors each: `pool.size`, or fewer if the session, which holds `held` descriptors and
/// has `before` data channels, would exceed what `left` allows. Those that it has stay.
inline std::size_t admitted_channels(const config::server_service& service, std::size_t per_channel,
                                     std::size_t held, std::size_t left, std::size_t before) {
  const std::size_t wanted = service.pool.size;
  if (per_channel == 0) return wanted;
  const std::size_t others = service.bind_addr.size() + per_channel;
  const std::size_t all = held + left;
  const std::size_t most = all > others ? (all - others) / per_channel : 0;
  return std::min(wanted, std::max({most, before, std::size_t{1}}));
}

/// Passes the descriptor limit to the budget; asks the system at most once in `limit_interval`.
template <class Context>
void update_limit(Context& self) {
  const time_point now = self.runtime().now();
  if (now < self.limit_due) return;
  self.limit_due = now + limit_interval;
  self.descriptors.set_limit(self.runtime().descriptor_limit());
}

/// Returns the sessions of all services that have clients.
template <class Context>
std::vector<std::shared_ptr<control_session<Context>>> sessions_of(Context& self) {
  std::vector<std::shared_ptr<control_session<Context>>> out;
  self.registry.for_each([&](const auto&, const auto&, const auto serving) {
    for (const auto& each : serving) {
      if (auto session = each.lock()) out.push_back(std::move(session));
    }
  });
  return out;
}

/// Divides the descriptors again after their use has changed: idle data channels are closed, or
/// allowed again. Returns how many were closed.
template <class Context>
std::size_t balance(Context& self) {
  protocol::descriptor_budget& budget = self.descriptors;
  const time_point now = self.runtime().now();
  update_limit(self);
  budget.use.handshakes = self.admission->size();
  if (!budget.update(now)) return 0;
  self.admission->set_limits(self.admission_limits(), self.settings->handshake_timeout);
  std::size_t closed = 0;
  for (const auto& session : sessions_of(self)) closed += session->share_idle_channels();
  return closed;
}

/// Frees descriptors after the system refused one: closes idle data channels and refuses the newest
/// waiting visitors, as far as the budget requires. Returns whether a descriptor was freed.
template <class Context>
bool make_room(Context& self) {
  self.limit_due = self.runtime().now();
  self.descriptors.set_limit(self.runtime().descriptor_limit());
  self.descriptors.use.handshakes = self.admission->size();
  self.descriptors.refused(self.runtime().now());
  std::size_t freed = balance(self);
  for (std::size_t left = self.descriptors.excess_visitors(); left > 0; --left) {
    std::shared_ptr<control_session<Context>> most;
    for (auto& each : sessions_of(self)) {
      if (!most || each->waiting_visitors() > most->waiting_visitors()) most = std::move(each);
    }
    if (!most || !most->refuse_newest(no_descriptor())) break;
    ++freed;
  }
  return freed > 0;
}

}  // namespace rathole::server_side
