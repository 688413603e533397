#pragma once

#include <rathole/client/context.hpp>
#include <rathole/client/events.hpp>
#include <rathole/client/forward.hpp>
#include <rathole/client/stream_receiver.hpp>
#include <rathole/core/error.hpp>
#include <rathole/io/drained_stream.hpp>
#include <rathole/io/stream/shared_stream.hpp>
#include <rathole/transport/socket_options.hpp>

#include <cstdint>
#include <memory>
#include <utility>

namespace rathole::client_side {

/// Hands a started data channel over to `receiver`, and counts it as an active connection until it
/// is closed. It is reset if it exceeds `max_forwards`, and when the client ends its connections.
/// Runs on the control plane.
template <class Context>
io::awaitable<void> hand_over(std::shared_ptr<Context> self,
                              std::shared_ptr<const config::client_service> service,
                              typename Context::stream_type channel,
                              std::shared_ptr<stream_receiver> receiver) {
  const auto settings = self->settings.load();
  const detail::scoped_count running(self->forwards);
  if (running.before() >= settings->max_forwards) {
    channel.abort();
    const data_channel_failed event{service->name, make_error_code(errc::limit_reached)};
    self->emit(event);
    co_return;
  }
  channel.apply(transport::to_traffic_options(settings->transport.tcp, service->nodelay));
  using visitor_type = io::shared_stream_of<typename Context::stream_type>;
  const auto visitor =
      std::make_shared<visitor_type>(self->runtime().get_executor(), std::move(channel));
  const std::uint64_t id = self->next_forward++;
  const forward_started started{service->name, id};
  self->emit(started);
  const time_point began = self->runtime().now();

  const io::drained_stream<typename Context::runtime_type> ending(self->runtime(), visitor,
                                                                  self->stops);
  receiver->visitor_arrived(visitor);
  co_await visitor->wait_closed();
  receiver->visitor_ended(*visitor);
  const forward_ended ended{service->name,       id,
                            visitor->received(), visitor->sent(),
                            visitor->error(),    self->runtime().now() - began};
  self->emit(ended);
}

}  // namespace rathole::client_side
