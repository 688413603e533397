#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/backoff.hpp>
#include <rathole/io/accept_loop.hpp>
#include <rathole/io/alarm.hpp>
#include <rathole/server/events.hpp>
#include <rathole/transport/socket_options.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>

namespace rathole::server {

/// How attempts to bind a service's port, and accepts after an error, are spaced (Compat:
/// upstream's).
inline constexpr backoff_parameters service_listener_backoff{std::chrono::milliseconds(500), 0.5,
                                                             1.5, std::chrono::seconds(1)};

/// Binds the service's address, trying until it can be bound; nothing if `stop` came first.
template <class Context>
io::awaitable<std::optional<typename Context::runtime_type::acceptor>> bind_service(
    Context& context, const config::server_service& service, std::stop_token stop) {
  auto& world = context.runtime();
  backoff retry(service_listener_backoff);
  const io::socket_options options =
      transport::to_traffic_options(context.settings.transport.tcp, service.nodelay.value_or(true));
  std::error_code cause;
  for (;;) {
    auto acceptor = co_await world.listen(service.bind_addr.front(), options, stop);
    if (stop.stop_requested()) co_return std::nullopt;
    if (acceptor) co_return std::move(*acceptor);
    auto rng = world.rng();
    const auto pause = retry.next(rng);
    if (acceptor.error() != cause) {
      cause = acceptor.error();
      const service_bind_failed event{service.name, service.bind_addr.front(), cause, pause};
      context.tell(event);
    }
    io::event wake(world.get_executor());
    const auto end_pause = [&wake] { wake.notify(); };
    const std::stop_callback on_stop(stop, end_pause);
    co_await io::sleep_until(world, world.now() + pause, wake);
    if (stop.stop_requested()) co_return std::nullopt;
  }
}

/// Accepts the visitors of a session's service for it until `stop` is requested.
template <class Session>
io::awaitable<void> listen_for_visitors(std::shared_ptr<Session> session, std::stop_token stop) {
  auto& context = session->context();
  const config::server_service& service = session->service();
  auto acceptor = co_await bind_service(context, service, stop);
  if (!acceptor) co_return;
  const service_listening listening{service.name, acceptor->local()};
  context.tell(listening);
  auto accepted = [&session](auto visitor) { session->visitor_arrived(std::move(visitor)); };
  auto failed = [&context, &service](std::error_code error, duration pause) {
    context.tell(accept_failed{service.name, error, pause});
  };
  co_await io::accept_loop(context.runtime(), std::move(*acceptor), service_listener_backoff, stop,
                           std::move(accepted), std::move(failed));
}

}  // namespace rathole::server
