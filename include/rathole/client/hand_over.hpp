#pragma once

#include <rathole/client/context.hpp>
#include <rathole/client/events.hpp>
#include <rathole/client/forward.hpp>
#include <rathole/client/stream_receiver.hpp>
#include <rathole/core/error.hpp>
#include <rathole/io/hand_over.hpp>
#include <rathole/io/stream/shared_stream.hpp>
#include <rathole/transport/socket_options.hpp>

#include <cstdint>
#include <memory>
#include <utility>

namespace rathole::client_side {

/// Hands a started data channel over to `receiver`, and counts it as an active connection until the
/// receiver closes or drops it, or the client ends its connections. It is reset if it exceeds
/// `max_forwards`. Runs on the control plane. See `io::hand_over`.
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
  const std::uint64_t id = self->next_forward++;
  auto give = [&](std::shared_ptr<io::shared_stream> visitor) {
    const forward_started started{service->name, id};
    self->emit(started);
    receiver->visitor_arrived(std::move(visitor));
  };
  const auto end = co_await io::hand_over(self->runtime(), std::move(channel), self->stops, give);
  const io::shared_stream& visitor = *end.stream;
  receiver->visitor_ended(visitor);
  const forward_ended ended{service->name,   id,        visitor.received(), visitor.sent(),
                            visitor.error(), end.lasted};
  self->emit(ended);
}

}  // namespace rathole::client_side
