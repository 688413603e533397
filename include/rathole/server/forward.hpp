#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/relay/relay.hpp>
#include <rathole/io/run/run_on.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/server/descriptors.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/loop_watch.hpp>
#include <rathole/transport/socket_options.hpp>

#include <cstdint>
#include <memory>
#include <new>
#include <stop_token>
#include <utility>

namespace rathole::server_side {

template <class Context>
class tcp_channels;

namespace detail {

/// Runs the part of `forward` that belongs to the runtime `runtime`, where both streams live.
template <class Context>
io::awaitable<io::relay_status> run_relay(std::shared_ptr<Context> self,
                                          typename Context::runtime_type runtime,
                                          typename Context::visitor_type visitor,
                                          typename Context::stream_type channel,
                                          io::relay_limits limits,
                                          std::shared_ptr<watched_forward> watched) {
  io::relay<typename Context::runtime_type, typename Context::visitor_type,
            typename Context::stream_type>
      carried(runtime, std::move(visitor), std::move(channel), limits);
  const auto cut = [&carried] { carried.stop(); };
  const io::stop_action on_cut(self->stops.now.get_token(), runtime.get_executor(), cut);
  const auto drain = [&carried, &self] { carried.drain(self->stops.idle); };
  const io::stop_action on_drain(self->stops.when_idle.get_token(), runtime.get_executor(), drain);
  if (watched) watched->back = &carried.status().back;
  const io::relay_status status = co_await carried.run();
  if (watched) watched->back = nullptr;
  co_return status;
}

}  // namespace detail

/// Relays a visitor's traffic over a started data channel, on a worker, until both directions have
/// ended, an idle timeout has passed, or the server ends its connections. Both streams get the
/// current socket options for traffic, because the visitor's listener may be older than the
/// settings. `loops` watches connections whose visitors may come from the service's own client.
template <class Context>
io::awaitable<void> forward(std::shared_ptr<Context> self,
                            std::shared_ptr<const config::server_service> service,
                            typename Context::visitor_type visitor,
                            typename Context::stream_type channel,
                            std::shared_ptr<loop_watch<tcp_channels<Context>>> loops) {
  const config::tcp_options& sockets = self->settings->transport.tcp;
  channel.apply(transport::to_traffic_options(sockets, service->nodelay));
  visitor.apply(transport::to_traffic_options(sockets, service->nodelay.value_or(true)));
  const address peer = visitor.peer();
  auto runtime = self->runtime().worker();
  const auto watched = loops->started(peer, runtime.get_executor());
  const std::uint64_t id = self->next_forward++;
  const forward_started started{service->name, peer, id};
  self->emit(started);
  const time_point began = self->runtime().now();
  protocol::descriptor_lease held(self->descriptors.use.forwards);
  if (runtime.get_executor() != self->runtime().get_executor()) {
    visitor = visitor.move_to(runtime);
    channel = channel.move_to(runtime);
  }
  const io::relay_limits limits{service->idle_timeout, service->half_close_timeout};
  io::relay_status status;
  try {
    status = co_await io::run_on(
        runtime.get_executor(),
        detail::run_relay(self, runtime, std::move(visitor), std::move(channel), limits, watched));
  } catch (const std::bad_alloc&) {
    status.error = out_of_memory();
  }
  loops->ended(watched);
  held.end();
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
