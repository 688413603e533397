#pragma once

#include <rathole/config/diff.hpp>
#include <rathole/io/accept_loop.hpp>
#include <rathole/protocol/authenticate.hpp>
#include <rathole/server/descriptors.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/greeting.hpp>
#include <rathole/transport/socket_options.hpp>

#include <chrono>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::server {

/// How accepts after an error on the clients' port are spaced (Compat: upstream's).
inline constexpr backoff_parameters client_listener_backoff{std::chrono::milliseconds(500), 0.5,
                                                            1.5, std::chrono::milliseconds(100)};

/// Accepts clients at a door until it is closed.
template <class Context>
io::awaitable<void> listen_for_clients(std::shared_ptr<Context> self,
                                       typename Context::door_pointer door) {
  auto accepted = [&self, &door](auto stream) {
    auto pending = self->admission->admit(stream.peer());
    self->group.spawn(
        greet(self, std::move(stream), std::move(pending), door->closing.get_token()));
  };
  auto failed = [&self](std::error_code error, duration pause) {
    self->tell(accept_failed{{}, error, pause});
  };
  auto relieve = [&self] { return make_room(*self); };
  const protocol::descriptor_lease held(self->descriptors.use.fixed);
  co_await io::accept_loop(self->runtime(), door->acceptor, client_listener_backoff,
                           door->closing.get_token(), std::move(accepted), std::move(failed),
                           std::move(relieve));
}

/// Has `doors` stand open.
template <class Context>
void open(const std::shared_ptr<Context>& self, std::vector<typename Context::door_pointer> doors) {
  for (auto& each : doors) {
    const address& local = each->acceptor.local();
    const listening event{local, replaced_by(local, each->where)};
    self->tell(event);
    self->group.spawn(listen_for_clients(self, std::move(each)));
  }
}

/// Binds those of `settings.bind_addr` at which nobody listens yet, or takes what was inherited.
template <class Context>
io::task<std::vector<typename Context::door_pointer>> bind_doors(
    std::shared_ptr<Context> self, std::shared_ptr<const config::server> settings) {
  using door_type = typename Context::door_type;
  std::vector<typename Context::door_pointer> fresh;
  for (const address& where : in_bind_order(settings->bind_addr)) {
    if (self->doors.find(where)) continue;
    if (auto given = self->inherited.find(where)) {
      fresh.push_back(std::move(given));
      continue;
    }
    auto acceptor = co_await self->transport.listen(where, self->closing.get_token());
    if (self->closing.stop_requested()) co_return failure(errc::stopped);
    if (!acceptor && is_left_out(settings->bind_addr, where, acceptor.error())) {
      const address_left_out event{{}, where};
      self->tell(event);
      continue;
    }
    if (!acceptor) co_return failure(acceptor.error());
    fresh.push_back(std::make_shared<door_type>(where, std::move(*acceptor)));
  }
  co_return fresh;
}

/// Listens for clients where `settings` say. What listens already stays, and what is not named is
/// closed. If an address cannot be bound, nothing changes.
template <class Context>
io::task<void> open_doors(std::shared_ptr<Context> self,
                          std::shared_ptr<const config::server> settings) {
  // An address that is to give its port to another one, such as 127.0.0.1 to 0.0.0.0, has to do so
  // first.
  const auto in_the_way = self->doors.leaving_on_ports_of(settings->bind_addr);
  for (const auto& each : in_the_way) each->acceptor.close();
  auto fresh = co_await bind_doors(self, settings);
  if (!fresh) {
    for (const auto& each : in_the_way) {
      auto again = co_await self->transport.listen(each->where, self->closing.get_token());
      if (!again) continue;
      auto door = std::make_shared<typename Context::door_type>(each->where, std::move(*again),
                                                                each->closing);
      self->doors.replace(each, door);
      self->group.spawn(listen_for_clients(self, std::move(door)));
    }
    co_return failure(fresh.error());
  }
  self->inherited.clear();
  self->doors.keep(settings->bind_addr);
  for (const auto& each : *fresh) self->doors.add(each);
  open(self, std::move(*fresh));
  co_return result<void>{};
}

/// Makes a service known to clients.
template <class Context>
void add_service(Context& self, const config::server_service& service) {
  self.registry.insert(protocol::service_digest(service.name),
                       std::make_shared<const config::server_service>(service));
}

/// Forgets a service; its control channel ends, and what is being forwarded goes on.
template <class Context>
void remove_service(Context& self, const std::string& name) {
  const auto session = self.registry.erase(protocol::service_digest(name));
  if (const auto running = session ? session->lock() : nullptr) {
    running->close(make_error_code(errc::stopped));
  }
}

/// See `basic_server::async_update`.
template <class Context>
io::task<void> update(std::shared_ptr<Context> self, config::server next) {
  if (const std::error_code ec = self->refusal_of(next)) co_return failure(ec);
  const auto settings = std::make_shared<const config::server>(std::move(next));
  const auto before = self->settings;
  const auto opened = co_await open_doors(self, settings);
  if (!opened) co_return failure(opened.error());
  self->settings = settings;
  self->transport.set_options(transport::to_socket_options(settings->transport.tcp));
  self->admission->set_limits(self->admission_limits(), settings->handshake_timeout);

  const auto changes = config::diff(before->services, settings->services);
  for (const std::string& name : changes.removed) remove_service(*self, name);
  for (const std::string& name : changes.renewed) remove_service(*self, name);
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
