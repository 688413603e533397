#pragma once

#include <rathole/client/context.hpp>
#include <rathole/client/events.hpp>
#include <rathole/io/relay.hpp>
#include <rathole/transport/socket_options.hpp>

#include <cstddef>
#include <memory>
#include <stop_token>
#include <utility>

namespace rathole::client {

namespace detail {

/// Counts one as long as it lives.
class counted {
 public:
  explicit counted(std::size_t& count) : count_(count) { ++count_; }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;
  ~counted() { --count_; }

 private:
  std::size_t& count_;
};

}  // namespace detail

/// Connects a started data channel with the local service and carries the visitor's traffic until
/// both sides have ended, or the client cuts its forwards. A local service that cannot be reached
/// resets the data channel, and so the visitor; so does a forward beyond `max_forwards`.
template <class Context>
io::awaitable<void> forward(std::shared_ptr<Context> self, const config::client_service& service,
                            typename Context::stream_type channel) {
  using runtime = typename Context::runtime_type;
  runtime& world = self->runtime();
  if (self->forwards >= self->settings.max_forwards) {
    channel.abort();
    const data_channel_failed event{service.name, make_error_code(errc::limit_reached)};
    self->tell(event);
    co_return;
  }
  const detail::counted running(self->forwards);
  const config::tcp_options& sockets = self->settings.transport.tcp;
  channel.apply(transport::to_traffic_options(sockets, service.nodelay));
  const auto options = transport::to_traffic_options(sockets, service.nodelay.value_or(true));
  const auto deadline = world.now() + self->settings.connect_timeout;
  auto local =
      co_await world.connect(service.local_addr, options, deadline, self->cutting.get_token());
  if (!local) {
    channel.abort();
    if (local.error() == errc::stopped) co_return;
    const local_connect_failed event{service.name, service.local_addr, local.error()};
    self->tell(event);
    co_return;
  }
  const forward_started started{service.name};
  self->tell(started);
  io::relay<typename Context::stream_type, typename runtime::stream> carried(
      world.get_executor(), std::move(channel), std::move(*local));
  const auto cut = [&carried] { carried.stop(); };
  const std::stop_callback on_cut(self->cutting.get_token(), cut);
  const io::relay_status status = co_await carried.run();
  const forward_ended ended{service.name, status.forth, status.back, status.error};
  self->tell(ended);
}

}  // namespace rathole::client
