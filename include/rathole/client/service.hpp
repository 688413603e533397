#pragma once

#include <rathole/client/control_channel.hpp>

#include <chrono>
#include <memory>
#include <stop_token>
#include <utility>

namespace rathole::client {

/// An attempt that lasted longer than this starts the backoff anew (Compat: upstream's).
inline constexpr std::chrono::seconds stable_after{3};

/// How the attempts to reach the server are spaced (Compat: upstream's).
inline backoff_parameters control_backoff(duration retry_interval) {
  return {std::chrono::milliseconds(500), 0.2, 3.0, retry_interval};
}

/// Keeps a control channel for one service until the client closes.
template <class Context>
io::awaitable<void> run_service(std::shared_ptr<Context> context,
                                std::shared_ptr<const config::client_service> service) {
  auto& world = context->runtime();
  const auto closing = context->closing.get_token();
  const address& remote = context->settings.remote_addr;
  std::shared_ptr<udp_forwarder<Context>> forwarder;
  if (service->kind == config::service_kind::udp) {
    forwarder = std::make_shared<udp_forwarder<Context>>(context, service, world.worker());
    context->group.spawn(io::run_on(forwarder->world().get_executor(),
                                    udp_forwarder<Context>::run(forwarder, closing)));
  }
  backoff retry(control_backoff(service->retry_interval));
  for (;;) {
    if (closing.stop_requested()) break;
    const auto began = world.now();
    const control_channel_starting starting{service->name, remote};
    context->tell(starting);
    const auto channel = std::make_shared<control_channel<Context>>(context, service, forwarder);
    const std::error_code reason = co_await channel->run();
    if (closing.stop_requested()) break;
    if (world.now() - began > stable_after) retry.reset();
    auto rng = world.rng();
    const auto pause = retry.next(rng);
    const control_channel_failed failed{service->name, remote, reason, pause,
                                        channel->established()};
    context->tell(failed);
    io::event wake(world.get_executor());
    const auto stop = [&wake] { wake.notify(); };
    const std::stop_callback on_stop(closing, stop);
    co_await io::sleep_until(world, world.now() + pause, wake);
  }
  const control_channel_closed closed{service->name};
  context->tell(closed);
}

}  // namespace rathole::client
