#pragma once

#include <rathole/config/diff.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/core/backoff.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/core/result.hpp>
#include <rathole/io/retry_on_bad_alloc.hpp>
#include <rathole/io/task.hpp>
#include <rathole/io/time/alarm.hpp>
#include <rathole/server/descriptors.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/listen_for_clients.hpp>

#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::server_side {

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

/// Gives the listeners in use, and those in `fresh` that were handed over, the permissions of `wanted`.
template <class Context>
result<void> permit_listeners(Context& self,
                              const std::vector<typename Context::listener_pointer>& fresh,
                              const address_list& wanted) {
  for (const address& where : wanted) {
    const auto found = self.listeners.find(where);
    const auto is_here = [&](const auto& each) { return same_place(each->where, where); };
    const auto given = std::ranges::find_if(fresh, is_here);
    const auto listener = found || given == fresh.end() ? found : *given;
    if (!listener) continue;
    if (const auto permitted = permit(*listener, where); !permitted) return permitted;
  }
  return {};
}

/// Reopens the listener `old`, which was closed to free its port for an update that failed; retries
/// until it succeeds or the address is no longer configured.
template <class Context>
io::awaitable<void> listen_again(std::shared_ptr<Context> self,
                                 typename Context::listener_pointer old) {
  const auto stop = old->closing.get_token();
  backoff retry(client_listener_backoff);
  std::error_code cause;
  // Another update may have replaced it in the meantime.
  while (!stop.stop_requested() && self->listeners.find(old->where) == old) {
    auto acceptor = co_await self->transport.listen(old->where, stop);
    if (stop.stop_requested() || self->listeners.find(old->where) != old) co_return;
    if (acceptor) {
      const auto listener = std::make_shared<typename Context::listener_type>(
          old->where, std::move(*acceptor), old->closing);
      const address& local = listener->acceptor.local();
      listener->listed = self->addresses->add(std::nullopt, local);
      const listening event{local, replaced_by(local, old->where)};
      if (cause) self->emit(event);
      start_listening(self, listener);
      self->listeners.replace(old, listener);
      co_return;
    }
    auto rng = self->runtime().rng();
    const auto pause = retry.next(rng);
    const bool repeated = std::exchange(cause, acceptor.error()) == acceptor.error();
    const listener_lost event{old->where, cause, pause, repeated};
    self->emit(event);
    co_await io::pause(self->runtime(), pause, stop);
  }
}

/// Closes the listeners of services whose ports `next.bind_addr` needs, as far as `next` gives up
/// their addresses. Returns the sessions of these services.
template <class Context>
auto close_conflicting_services(Context& self, const config::server& next) {
  const address_list none;
  auto sessions = sessions_of(self);
  std::erase_if(sessions, [&](const auto& session) {
    const config::server_service& present = *session->service();
    const auto wanted =
        std::ranges::find(next.services, present.name, &config::server_service::name);
    const bool stays = wanted != next.services.end() && config::same_service(present, *wanted);
    return !session->close_conflicting(stays ? wanted->bind_addr : none, next.bind_addr);
  });
  return sessions;
}

/// Listens for clients on exactly the addresses in `settings`; existing listeners are kept. If an
/// address cannot be bound, nothing changes.
template <class Context>
io::task<void> open_listeners(std::shared_ptr<Context> self,
                              std::shared_ptr<const config::server> settings) {
  // A listener whose port another address takes over, such as 127.0.0.1 by 0.0.0.0, must be closed
  // first, and so must that of a service whose port becomes one for clients.
  const auto in_the_way = self->listeners.conflicting_with(settings->bind_addr);
  const auto closed = close_conflicting_services(*self, *settings);
  for (const auto& each : in_the_way) each->close();
  result<std::vector<typename Context::listener_pointer>> fresh = failure(out_of_memory());
  try {
    fresh = co_await bind_listeners(self, settings);
  } catch (const std::bad_alloc&) {
    // The listeners that were closed are opened again below.
  }
  if (fresh) {
    const auto permitted = permit_listeners(*self, *fresh, settings->bind_addr);
    if (!permitted) fresh = failure(permitted.error());
  }
  if (!fresh) {
    for (const auto& each : in_the_way) {
      const auto again = [self, each] { return listen_again(self, each); };
      self->group.spawn(io::retry_on_bad_alloc(self->runtime(), each->closing.get_token(), again));
    }
    for (const auto& session : closed) session->update(session->service());
    co_return failure(fresh.error());
  }
  self->taken_over.clear();
  self->listeners.close_except(settings->bind_addr);
  add_listeners(self, *fresh);
  co_return result<void>{};
}

}  // namespace rathole::server_side
