#pragma once

#include <rathole/client/connect_local.hpp>
#include <rathole/client/context.hpp>
#include <rathole/client/events.hpp>
#include <rathole/client/local_targets.hpp>
#include <rathole/io/carry.hpp>
#include <rathole/io/live_connection.hpp>
#include <rathole/transport/descriptors_of.hpp>
#include <rathole/transport/socket_options.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace rathole::client_side {

namespace detail {

/// Counts one while it exists.
class scoped_count {
 public:
  /// Adds one to `count`.
  explicit scoped_count(std::atomic<std::size_t>& count) : count_(count), before_(count++) {}
  scoped_count(const scoped_count&) = delete;
  scoped_count& operator=(const scoped_count&) = delete;
  /// Subtracts one again.
  ~scoped_count() { --count_; }

  /// Returns the count before this object was made.
  [[nodiscard]] std::size_t before() const { return before_; }

 private:
  std::atomic<std::size_t>& count_;
  const std::size_t before_;
};

}  // namespace detail

/// Connects a started data channel to the local service and relays the visitor's traffic, until
/// both directions have ended, an idle timeout has passed, or the client ends its connections. The
/// data channel is reset, and with it the visitor, if the local service cannot be reached or the
/// connection exceeds `max_forwards`; see `connect_local`.
///
/// Everything begins in the runtime `runtime` of the channel. A bulky connection that began on the
/// control plane moves to a worker. The observer is notified on the control plane.
template <class Context>
io::awaitable<void> forward(std::shared_ptr<Context> self,
                            std::shared_ptr<const config::client_service> service,
                            std::shared_ptr<local_targets> targets,
                            typename Context::runtime_type runtime,
                            typename Context::stream_type channel) {
  const auto settings = self->settings.load();
  const detail::scoped_count running(self->forwards);
  if (running.before() >= settings->max_forwards) {
    channel.abort();
    self->on_control_plane([self, service] {
      const data_channel_failed event{service->name, make_error_code(errc::limit_reached)};
      self->emit(event);
    });
    co_return;
  }
  std::optional<detail::scoped_count> multiplexed;
  if (transport::is_multiplexed(channel)) multiplexed.emplace(self->multiplexed_forwards);
  const config::tcp_options& sockets = settings->transport.tcp;
  channel.apply(transport::to_traffic_options(sockets, service->nodelay));
  auto options = transport::to_traffic_options(sockets, service->nodelay.value_or(true));
  options.prefer_ipv6 = service->prefer_ipv6;
  address where;
  auto local = co_await connect_local(self, service, std::move(targets), runtime, options, where);
  if (!local) {
    channel.abort();
    self->on_control_plane([self, service, where, error = local.error()] {
      if (error == errc::stopped) return;
      const local_connect_failed event{service->name, where, error};
      self->emit(event);
    });
    co_return;
  }
  const std::uint64_t id = self->next_forward++;
  std::shared_ptr<io::live_connection> live;
  if (self->follows_traffic) live = std::make_shared<io::live_connection>();
  self->on_control_plane([self, service, id, live] {
    const forward_started started{service->name, id, live};
    self->emit(started);
  });
  const time_point began = runtime.now();
  const io::relay_limits limits{service->idle_timeout, service->half_close_timeout};
  auto home = self->runtime();
  const bool is_at_home = runtime.get_executor() == home.get_executor();
  const auto there = is_at_home ? home.worker() : runtime;
  io::live_watch watch{std::move(live)};
  const io::relay_status status = co_await io::carry(
      runtime, there, std::move(channel), std::move(*local), limits, self->stops, std::move(watch));
  const duration lasted = runtime.now() - began;
  self->on_control_plane([self, service, id, status, lasted] {
    const forward_ended ended{service->name, id, status.forth, status.back, status.error, lasted};
    self->emit(ended);
  });
}

}  // namespace rathole::client_side
