#pragma once

#include <rathole/config/types.hpp>
#include <rathole/io/relay.hpp>
#include <rathole/server/events.hpp>

#include <memory>
#include <stop_token>
#include <utility>

namespace rathole::server {

/// Carries a visitor's traffic over a started data channel until both sides have ended, or the
/// server cuts its forwards.
template <class Context>
io::awaitable<void> forward(std::shared_ptr<Context> self,
                            std::shared_ptr<const config::server_service> service,
                            typename Context::visitor_type visitor,
                            typename Context::stream_type channel) {
  const address peer = visitor.peer();
  const forward_started started{service->name, peer};
  self->tell(started);
  io::relay<typename Context::visitor_type, typename Context::stream_type> carried(
      self->runtime().get_executor(), std::move(visitor), std::move(channel));
  const auto cut = [&carried] { carried.stop(); };
  const std::stop_callback on_cut(self->cutting.get_token(), cut);
  const io::relay_status status = co_await carried.run();
  const forward_ended ended{service->name, peer, status.forth, status.back, status.error};
  self->tell(ended);
}

}  // namespace rathole::server
