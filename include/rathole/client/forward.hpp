#pragma once

#include <rathole/client/context.hpp>
#include <rathole/client/events.hpp>
#include <rathole/io/relay.hpp>
#include <rathole/io/run_on.hpp>
#include <rathole/io/stop_action.hpp>
#include <rathole/transport/socket_options.hpp>

#include <asio/dispatch.hpp>

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

/// The part of `forward` that is done in `world`: connects and carries. Fails if the local service
/// cannot be reached, or with `errc::limit_reached` if `has_room` is false.
template <class Context>
io::task<io::relay_status> carry(std::shared_ptr<Context> self,
                                 std::shared_ptr<const config::client_service> service,
                                 typename Context::runtime_type world,
                                 typename Context::stream_type channel, bool has_room) {
  using local_type = typename Context::runtime_type::stream;
  if (!has_room) {
    channel.abort();
    co_return failure(errc::limit_reached);
  }
  const config::tcp_options& sockets = self->settings.transport.tcp;
  channel.apply(transport::to_traffic_options(sockets, service->nodelay));
  const auto options = transport::to_traffic_options(sockets, service->nodelay.value_or(true));
  const auto deadline = world.now() + self->settings.connect_timeout;
  const auto cutting = self->cutting.get_token();
  auto local = co_await world.connect(service->local_addr, options, deadline, cutting);
  if (!local) {
    channel.abort();
    co_return failure(local.error());
  }
  // The observer is the control plane's.
  asio::dispatch(self->runtime().get_executor(), [self, service] {
    const forward_started started{service->name};
    self->tell(started);
  });
  io::relay<typename Context::stream_type, local_type> carried(
      world.get_executor(), std::move(channel), std::move(*local));
  const auto cut = [&carried] { carried.stop(); };
  const io::stop_action on_cut(cutting, world.get_executor(), cut);
  co_return co_await carried.run();
}

}  // namespace detail

/// Connects a started data channel with the local service and carries the visitor's traffic until
/// both sides have ended, or the client cuts its forwards. A local service that cannot be reached
/// resets the data channel, and so the visitor; so does a forward beyond `max_forwards`. The
/// channel lives in `world`, and there it is forwarded; the rest is the control plane's.
template <class Context>
io::awaitable<void> forward(std::shared_ptr<Context> self,
                            std::shared_ptr<const config::client_service> service,
                            typename Context::runtime_type world,
                            typename Context::stream_type channel) {
  const bool has_room = self->forwards < self->settings.max_forwards;
  const detail::counted running(self->forwards);
  const auto status = co_await io::run_on(
      world.get_executor(), detail::carry(self, service, world, std::move(channel), has_room));
  if (status) {
    const forward_ended ended{service->name, status->forth, status->back, status->error};
    self->tell(ended);
  } else if (status.error() == errc::limit_reached) {
    const data_channel_failed event{service->name, status.error()};
    self->tell(event);
  } else if (status.error() != errc::stopped) {
    const local_connect_failed event{service->name, service->local_addr, status.error()};
    self->tell(event);
  }
}

}  // namespace rathole::client
