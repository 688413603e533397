#pragma once

#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/retry_on_bad_alloc.hpp>
#include <rathole/io/stream/accept_loop.hpp>
#include <rathole/protocol/authenticate.hpp>
#include <rathole/server/descriptors.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/serve_connection.hpp>
#include <rathole/transport/socket_options.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::server {

/// The pauses before an accept after an error on the clients' port. Compat: upstream's values.
inline constexpr backoff_parameters client_listener_backoff{std::chrono::milliseconds(500), 0.5,
                                                            1.5, std::chrono::milliseconds(100)};

/// Accepts clients at a listener until it is closed.
template <class Context>
io::awaitable<void> listen_for_clients(std::shared_ptr<Context> self,
                                       typename Context::listener_pointer listener) {
  auto accepted = [&self, &listener](auto stream) {
    auto pending = self->admission->admit(stream.peer());
    self->group.spawn(serve_connection(self, std::move(stream), std::move(pending),
                                       listener->closing.get_token()));
  };
  auto failed = [&self](std::error_code error, duration pause) {
    self->emit(accept_failed{{}, error, pause});
  };
  auto free_descriptor = [&self] { return make_room(*self); };
  const protocol::descriptor_lease held(self->descriptors.use.fixed);
  co_await io::accept_loop(self->runtime(), listener->acceptor, client_listener_backoff,
                           listener->closing.get_token(), std::move(accepted), std::move(failed),
                           std::move(free_descriptor));
}

/// Reports the listeners and starts to accept on them.
template <class Context>
void start_listening(const std::shared_ptr<Context>& self,
                     typename Context::listener_pointer listener) {
  const auto listen = [self, listener] { return listen_for_clients(self, listener); };
  self->group.spawn(io::retry_on_bad_alloc(self->runtime(), listener->closing.get_token(), listen));
}

/// Reports the listeners `listeners` and starts to accept on them. Those for which memory runs out
/// are closed.
template <class Context>
void open(const std::shared_ptr<Context>& self,
          const std::vector<typename Context::listener_pointer>& listeners) {
  self->listeners.reserve(listeners.size());
  for (const auto& each : listeners) {
    const address& local = each->acceptor.local();
    const listening event{local, replaced_by(local, each->where)};
    self->emit(event);
    start_listening(self, each);
    self->listeners.add(each);
  }
}

/// Binds the addresses in `settings.bind_addr` that have no listener, or uses a listener that was
/// handed over.
template <class Context>
io::task<std::vector<typename Context::listener_pointer>> bind_listeners(
    std::shared_ptr<Context> self, std::shared_ptr<const config::server> settings) {
  using listener_type = typename Context::listener_type;
  std::vector<typename Context::listener_pointer> fresh;
  for (const address& where : in_bind_order(settings->bind_addr)) {
    if (self->listeners.find(where)) continue;
    if (auto given = self->taken_over.find(where)) {
      fresh.push_back(std::move(given));
      continue;
    }
    auto acceptor = co_await self->transport.listen(where, self->closing.get_token());
    if (self->closing.stop_requested()) co_return failure(errc::stopped);
    if (!acceptor && is_left_out(settings->bind_addr, where, acceptor.error())) {
      const address_left_out event{{}, where};
      self->emit(event);
      continue;
    }
    if (!acceptor) co_return failure(acceptor.error());
    fresh.push_back(std::make_shared<listener_type>(where, std::move(*acceptor)));
  }
  co_return fresh;
}

/// Listens for clients on exactly the addresses in `settings`; existing listeners are kept. If an
/// address cannot be bound, nothing changes.
template <class Context>
io::task<void> open_listeners(std::shared_ptr<Context> self,
                              std::shared_ptr<const config::server> settings) {
  // A listener whose port another address takes over, such as 127.0.0.1 by 0.0.0.0, must be closed
  // first.
  const auto in_the_way = self->listeners.conflicting_with(settings->bind_addr);
  for (const auto& each : in_the_way) each->acceptor.close();
  result<std::vector<typename Context::listener_pointer>> fresh = failure(out_of_memory());
  try {
    fresh = co_await bind_listeners(self, settings);
  } catch (const std::bad_alloc&) {
    // The listeners that were closed are opened again below.
  }
  if (!fresh) {
    for (const auto& each : in_the_way) {
      auto again = co_await self->transport.listen(each->where, self->closing.get_token());
      if (!again) continue;
      auto listener = std::make_shared<typename Context::listener_type>(
          each->where, std::move(*again), each->closing);
      start_listening(self, listener);
      self->listeners.replace(each, listener);
    }
    co_return failure(fresh.error());
  }
  self->taken_over.clear();
  self->listeners.keep(settings->bind_addr);
  open(self, *fresh);
  co_return result<void>{};
}

/// Makes a service known to clients.
template <class Context>
void add_service(Context& self, const config::server_service& service) {
  self.registry.insert(protocol::service_digest(service.name),
                       std::make_shared<const config::server_service>(service));
}

/// Removes a service and closes its control channel; active connections continue.
template <class Context>
void remove_service(Context& self, const std::string& name) {
  const auto session = self.registry.erase(protocol::service_digest(name));
  if (const auto running = session ? session->lock() : nullptr) {
    running->close(make_error_code(errc::stopped));
  }
}

/// Applies new settings; see `basic_server::async_update`.
template <class Context>
io::task<void> update(std::shared_ptr<Context> self, config::server next) {
  if (const std::error_code ec = self->update_error(next)) co_return failure(ec);
  const auto settings = std::make_shared<const config::server>(std::move(next));
  const auto opened = co_await open_listeners(self, settings);
  if (!opened) co_return failure(opened.error());
  self->settings = settings;
  self->transport.set_options(transport::to_socket_options(settings->transport.tcp));
  self->admission->set_limits(self->admission_limits(), settings->handshake_timeout);

  // The existing services are compared with the settings, so that the next update completes one in
  // which memory ran out.
  std::vector<std::string> gone;
  self->registry.for_each([&](const auto&, const auto& known, const auto*) {
    const auto wanted =
        std::ranges::find(settings->services, known->name, &config::server_service::name);
    const bool stays = wanted != settings->services.end() && same_service(*wanted, *known);
    if (!stays) gone.push_back(known->name);
  });
  for (const std::string& name : gone) remove_service(*self, name);
  for (const auto& service : settings->services) {
    const auto key = protocol::service_digest(service.name);
    auto* const known = self->registry.find_service(key);
    if (!known) {
      add_service(*self, service);
    } else if (**known != service) {
      *known = std::make_shared<const config::server_service>(service);
    }
  }
  for (const auto& session : sessions_of(*self)) {
    const auto key = protocol::service_digest(session->service()->name);
    if (const auto* known = self->registry.find_service(key)) session->update(*known);
  }
  co_return result<void>{};
}

}  // namespace rathole::server
