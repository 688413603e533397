#pragma once

#include <rathole/core/hex.hpp>
#include <rathole/io/farewell.hpp>
#include <rathole/io/machine_driver.hpp>
#include <rathole/protocol/authenticate.hpp>
#include <rathole/protocol/server_greeting.hpp>
#include <rathole/server/control_session.hpp>

#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

namespace rathole::server {

/// Ends the session of a control channel and tells what became of it.
template <class Context>
io::awaitable<void> run_session(std::shared_ptr<Context> self,
                                std::shared_ptr<control_session<Context>> session,
                                protocol::digest service_key, protocol::digest session_key) {
  const auto previous = self->registry.attach(service_key, session_key, session);
  if (const auto replaced = previous ? previous->lock() : nullptr) {
    const control_channel_replaced event{session->service().name, replaced->peer()};
    self->tell(event);
    replaced->close(make_error_code(errc::stopped));
  }
  const control_channel_established established{session->service().name, session->peer()};
  self->tell(established);
  const std::error_code reason = co_await session->run();
  self->registry.detach(service_key, session_key);
  const control_channel_closed closed{session->service().name, session->peer(), reason};
  self->tell(closed);
}

/// Tells why a client that asked for a control channel did not get it.
template <class Context>
void tell_refusal(Context& self, const config::server_service* service,
                  const protocol::digest& service_key, const address& peer,
                  std::error_code refusal) {
  if (refusal == errc::service_not_exist) {
    self.tell(unknown_service{peer, to_hex(service_key)});
  } else if (refusal == errc::authentication_failed) {
    self.tell(authentication_failed{service->name, peer});
  } else if (refusal != errc::stopped) {
    self.tell(handshake_failed{peer, refusal});
  }
}

/// Serves a connection that has asked for a control channel: challenges it, and if it knows the
/// token, runs its session.
template <class Context>
io::awaitable<void> serve_control(std::shared_ptr<Context> self,
                                  typename Context::stream_type stream,
                                  protocol::digest service_key, time_point deadline) {
  using machine_type = typename control_session<Context>::machine_type;
  auto& world = self->runtime();
  stream.set_nodelay(true);
  std::shared_ptr<const config::server_service> service;
  if (const auto* known = self->registry.find_service(service_key)) service = *known;
  protocol::digest nonce;
  auto rng = world.rng();
  rng.fill(nonce);
  std::optional<protocol::digest> session_key;
  if (service) session_key = protocol::session_key(service->token, nonce);

  machine_type machine(nonce, session_key, self->settings.heartbeat_interval, deadline);
  {
    const auto close = [&stream] { stream.close(); };
    const std::stop_callback on_close(self->closing.get_token(), close);
    io::machine_driver<machine_type, typename Context::stream_type, typename Context::runtime_type>
        driver(world, stream, machine);
    const auto event = co_await driver.next();
    if (!event) {
      tell_refusal(*self, service.get(), service_key, stream.peer(), event.error());
      if (stream.is_open()) co_await io::farewell(world, stream, deadline);
      co_return;
    }
  }
  if (self->closing.stop_requested()) co_return;
  auto session = std::make_shared<control_session<Context>>(self, std::move(service),
                                                            std::move(stream), std::move(machine));
  self->group.spawn(run_session(self, std::move(session), service_key, *session_key));
}

/// Serves a connection from its acceptance until it is known what it is for; then it goes its own
/// way. Transport handshake, Hello and Auth share one deadline.
template <class Context>
io::awaitable<void> greet(std::shared_ptr<Context> self, typename Context::visitor_type accepted) {
  using machine_type = protocol::server_greeting<typename Context::codec_type>;
  auto& world = self->runtime();
  const auto closing = self->closing.get_token();
  const address peer = accepted.peer();
  const time_point deadline = world.now() + self->settings.handshake_timeout;
  auto stream = co_await self->transport.handshake(std::move(accepted), deadline, closing);
  std::error_code refusal;
  std::optional<protocol::hello> hello;
  if (stream) {
    const auto close = [&stream] { stream->close(); };
    const std::stop_callback on_close(closing, close);
    machine_type machine(deadline);
    io::machine_driver<machine_type, typename Context::stream_type, typename Context::runtime_type>
        driver(world, *stream, machine);
    const auto event = co_await driver.next();
    if (event) hello = *event;
    if (!event) refusal = event.error();
  } else {
    refusal = stream.error();
  }
  if (hello && hello->kind == protocol::hello_kind::control) {
    self->group.spawn(serve_control(self, std::move(*stream), hello->digest, deadline));
    co_return;
  }
  if (hello) {
    const auto* known = self->registry.find_session(hello->digest);
    if (auto session = known ? known->lock() : nullptr) {
      self->group.spawn(
          control_session<Context>::run_data_channel(std::move(session), std::move(*stream)));
      co_return;
    }
    refusal = make_error_code(errc::unknown_session);
  }
  if (refusal == errc::stopped) co_return;
  const handshake_failed event{peer, refusal};
  self->tell(event);
}

}  // namespace rathole::server
