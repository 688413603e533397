#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/hand_over.hpp>
#include <rathole/io/stream/shared_stream.hpp>
#include <rathole/io/task.hpp>
#include <rathole/protocol/descriptor_budget.hpp>
#include <rathole/server/connect_request.hpp>
#include <rathole/server/descriptors.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/visitor.hpp>
#include <rathole/transport/descriptors_of.hpp>
#include <rathole/transport/socket_options.hpp>

#include <cstdint>
#include <memory>
#include <utility>

namespace rathole::server_side {

/// Completes `request` with a started data channel, and counts that as an active connection until
/// the program closes or drops it, or the server ends its connections. The request has waited for
/// `waited`. Runs on the control plane. See `io::hand_over`.
template <class Context>
io::awaitable<void> hand_over(std::shared_ptr<Context> self,
                              std::shared_ptr<const config::server_service> service,
                              connect_request request, typename Context::stream_type channel,
                              duration waited) {
  channel.apply(transport::to_traffic_options(self->settings->transport.tcp, service->nodelay));
  // The program may wait for the first bytes of the service, so the start command must not.
  channel.flush();
  const std::uint64_t id = self->next_forward++;
  protocol::descriptor_lease counted(self->descriptors.use.one_sided,
                                     transport::descriptors_of(channel));
  auto give = [&](std::shared_ptr<io::shared_stream> stream) {
    const forward_started started{service->name, in_process_address(), id, waited};
    self->emit(started);
    request.complete(std::move(stream));
  };
  const auto end = co_await io::hand_over(self->runtime(), std::move(channel), self->stops, give);
  counted.end();
  balance(*self);
  const io::shared_stream& stream = *end.stream;
  const forward_ended ended{service->name,     in_process_address(), id,    stream.sent(),
                            stream.received(), stream.error(),       false, end.lasted};
  self->emit(ended);
}

}  // namespace rathole::server_side
