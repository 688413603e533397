#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/carry.hpp>
#include <rathole/io/live_connection.hpp>
#include <rathole/io/pace/bandwidth.hpp>
#include <rathole/io/task.hpp>
#include <rathole/protocol/client_balancer.hpp>
#include <rathole/protocol/visitor_limits.hpp>
#include <rathole/server/descriptors.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/loop_watch.hpp>
#include <rathole/transport/descriptors_of.hpp>
#include <rathole/transport/socket_options.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace rathole::server_side {

template <class Context>
class tcp_channels;

/// Returns the bandwidth that the connections of a service share; null if it has no limit.
template <class Context>
std::shared_ptr<io::bandwidth> bandwidth_of(Context& self, const config::server_service& service) {
  if (service.bandwidth.empty()) return nullptr;
  const auto known = self.bandwidths.find(service.name);
  if (known != self.bandwidths.end()) return known->second;
  const auto shared = std::make_shared<io::bandwidth>();
  shared->set(service.bandwidth);
  self.bandwidths.emplace(service.name, shared);
  return shared;
}

/// Relays a visitor's traffic over a started data channel, until both directions have ended, an idle
/// timeout has passed, or the server ends its connections. Bulky traffic moves to a worker. Both
/// streams get the current socket options for traffic, because the visitor's listener may be older
/// than the settings. `loops` watches connections whose visitors may come from the service's own
/// client. The visitor has waited for `waited`; `lease` keeps it counted until the connection ends. `client` learns
/// whether the client that has it serves it.
template <class Context>
io::awaitable<void> forward(std::shared_ptr<Context> self,
                            std::shared_ptr<const config::server_service> service,
                            typename Context::visitor_type visitor,
                            typename Context::stream_type channel, duration waited,
                            std::shared_ptr<loop_watch<tcp_channels<Context>>> loops,
                            protocol::visitor_lease lease, protocol::client_lease& client) {
  const config::tcp_options& sockets = self->settings->transport.tcp;
  channel.apply(transport::to_traffic_options(sockets, service->nodelay));
  visitor.apply(transport::to_traffic_options(sockets, service->nodelay.value_or(true)));
  const address peer = visitor.peer();
  auto runtime = self->runtime();
  const bool is_watched = loops->concerns(peer);
  std::shared_ptr<io::live_connection> live;
  if (is_watched || self->follows_traffic) live = std::make_shared<io::live_connection>();
  const auto shared = bandwidth_of(*self, *service);
  std::optional<std::uint64_t> watched;
  if (is_watched) watched = loops->started(live);
  const std::uint64_t id = self->next_forward++;
  const forward_started started{service->name, peer, id, waited,
                                self->follows_traffic ? live : io::no_live_connection};
  self->emit(started);
  const time_point began = self->runtime().now();
  auto& use = self->descriptors.use;
  protocol::descriptor_lease held(transport::is_multiplexed(channel) ? use.one_sided
                                                                     : use.forwards);
  const io::relay_limits limits{service->idle_timeout, service->half_close_timeout};
  io::live_watch watch{std::move(live)};
  auto carrying =
      shared ? io::carry_paced(runtime, runtime.worker(), std::move(visitor), std::move(channel),
                               limits, self->stops, std::move(watch), shared)
             : io::carry(runtime, runtime.worker(), std::move(visitor), std::move(channel), limits,
                         self->stops, std::move(watch));
  const io::relay_status status = co_await std::move(carrying);
  if (watched) loops->ended(*watched);
  if (status.back > 0) {
    client.answered();
  } else if (!status.first_broke && is_end_by_peer(status.error)) {
    client.ended_early(self->runtime().now());
  }
  held.end();
  lease.end();
  balance(*self);
  const forward_ended ended{service->name,
                            peer,
                            id,
                            status.forth,
                            status.back,
                            status.error,
                            status.first_broke,
                            self->runtime().now() - began};
  self->emit(ended);
}

}  // namespace rathole::server_side
