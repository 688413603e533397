#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/core/backoff.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/retry_on_bad_alloc.hpp>
#include <rathole/io/stream/accept_loop.hpp>
#include <rathole/io/task.hpp>
#include <rathole/protocol/descriptor_budget.hpp>
#include <rathole/server/descriptors.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/serve_connection.hpp>
#include <rathole/server/serve_proxied_connection.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::server_side {

/// The pauses before an accept after an error on the clients' port. Compat: upstream's values.
inline constexpr backoff_parameters client_listener_backoff{std::chrono::milliseconds(500), 0.5,
                                                            1.5, std::chrono::milliseconds(100)};

/// Accepts clients at a listener until it is closed.
template <class Context>
io::awaitable<void> listen_for_clients(std::shared_ptr<Context> self,
                                       typename Context::listener_pointer listener) {
  auto accepted = [&self, &listener](auto stream) {
    if (expects_header(*self->settings, stream.peer())) {
      auto serving =
          serve_proxied_connection(self, std::move(stream), listener->closing.get_token());
      return self->group.spawn(std::move(serving));
    }
    if (!accepts_client(*self, stream)) return;
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

/// Starts to accept clients at `listener`, and starts again if memory runs out.
template <class Context>
void start_listening(const std::shared_ptr<Context>& self,
                     typename Context::listener_pointer listener) {
  const auto listen = [self, listener] { return listen_for_clients(self, listener); };
  self->group.spawn(io::retry_on_bad_alloc(self->runtime(), listener->closing.get_token(), listen));
}

/// Adds new listeners to those of the server, reports them, and starts to accept on them. Those for
/// which memory runs out are closed.
template <class Context>
void add_listeners(const std::shared_ptr<Context>& self,
                   const std::vector<typename Context::listener_pointer>& listeners) {
  self->listeners.reserve(listeners.size());
  for (const auto& each : listeners) {
    const address& local = each->acceptor.local();
    each->listed = self->addresses->add(std::nullopt, local);
    const listening event{local, replaced_by(local, each->where)};
    self->emit(event);
    start_listening(self, each);
    self->listeners.add(each);
  }
}

}  // namespace rathole::server_side
