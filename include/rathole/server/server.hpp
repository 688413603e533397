#pragma once

#include <rathole/core/guard_memory.hpp>
#include <rathole/io/async_run.hpp>
#include <rathole/io/drain.hpp>
#include <rathole/io/outlast.hpp>
#include <rathole/protocol/bincode.hpp>
#include <rathole/protocol/descriptor_budget.hpp>
#include <rathole/server/context.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/greeting.hpp>
#include <rathole/server/update.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <stop_token>
#include <utility>

namespace rathole::server {

/// The server of a tunnel: clients connect to it and prove that they hold a service's token;
/// visitors of the service are then forwarded to the client.
///
/// It lives on its transport's executor, one thread; every member function is called there. After
/// it listens it works until it is stopped: whatever fails is told to the observer, which outlives
/// the server's operations.
template <transport::Transport T, class Observer = null_observer,
          protocol::Codec C = protocol::bincode>
class basic_server {
 public:
  basic_server(T transport, config::server settings, Observer& observer)
      : context_(
            std::make_shared<context_type>(std::move(transport), std::move(settings), observer)) {}

  /// Runs the server until it was stopped and all its work has ended. Completes with
  /// `void(std::error_code)`: success, why it cannot listen, or at once `errc::wrong_transport` or
  /// `errc::invalid_settings` for settings that it cannot have. Cancelling the operation is `stop()`.
  /// Called once.
  template <class Token>
  auto async_run(Token&& token) {
    return io::async_run(context_->runtime().get_executor(), run(context_), context_->closing,
                         std::forward<Token>(token));
  }

  /// Goes on with new settings, as far as they differ: nothing else is touched, and what is being
  /// forwarded goes on in any case. The transport is the same but for the options of its sockets and
  /// the number of workers, which the caller sees to.
  ///
  /// * `bind_addr`: new addresses are bound first. Those that are not named any more are closed, and
  ///   with them the control channels that came in there.
  /// * A service that is gone, or has another kind or token, loses its control channel; one that is
  ///   there anew waits for its client.
  /// * Everything else holds at once, or for what begins from now on.
  ///
  /// Called once the server is ready, one call at a time. Completes with `void(std::error_code)`: why a
  /// new address cannot be bound, `errc::wrong_transport` or `errc::invalid_settings`; then nothing
  /// has changed. After `std::errc::not_enough_memory` the next update completes this one.
  template <class Token>
  auto async_update(config::server next, Token&& token) {
    return io::async_run(context_->runtime().get_executor(),
                         server::update(context_, config::bounded(std::move(next))),
                         std::stop_source(), std::forward<Token>(token));
  }

  /// Handles of what listens for clients; and to be given such handles of another server before
  /// `async_run`. What a server is given it does not bind, so that a server with another transport
  /// takes the place of one that runs without an address that is closed in between.
  using inherited_doors = std::vector<typename context<T, Observer, C>::door_pointer>;
  [[nodiscard]] inherited_doors duplicate_doors() const { return context_->doors.duplicate(); }
  void inherit(inherited_doors doors) {
    for (auto& each : doors) context_->inherited.add(std::move(each));
  }

  /// Closes all listeners, control channels and idle data channels. What is being forwarded may go
  /// on for `shutdown_grace`, and for `shutdown_idle_timeout` without traffic.
  void stop() {
    context_->closing.request_stop();
    context_->stops.begun.request_stop();
  }

  /// As `stop()`, but what is being forwarded may go on without a limit, until `stop()` is called.
  void retire() {
    context_->retired = true;
    context_->closing.request_stop();
  }

  /// As `stop()`, and cuts what is being forwarded.
  void stop_now() {
    stop();
    context_->stops.end_all();
  }

  /// How many coroutines work for the server: one for each address that clients connect to, one for
  /// each connection there, and one for each address that a control channel's visitors connect to.
  [[nodiscard]] std::size_t tasks() const { return context_->group.size(); }

  /// Returns what the server's descriptors are used for, as far as it counts them.
  [[nodiscard]] const protocol::descriptor_use& descriptors() const {
    return context_->descriptors.use;
  }

  /// Calls `visit(service, pool)` for each service that a client serves: the settings and the
  /// `protocol::channel_pool`, which tells how many wait. `visit` must not stop the server.
  template <class F>
  void for_each_pool(F visit) const {
    context_->registry.for_each([&](const auto&, const auto& service, const auto* serving) {
      if (const auto session = serving ? serving->lock() : nullptr)
        visit(*service, session->pool());
    });
  }

 private:
  using context_type = context<T, Observer, C>;
  static_assert(protocol::ServiceRegistry<typename context_type::registry_type>);

  static io::task<void> run(std::shared_ptr<context_type> self) {
    if (const std::error_code ec = self->refusal_of(*self->settings)) co_return failure(ec);
    io::event closing(self->runtime().get_executor());
    const auto wake = [&closing] { closing.notify(); };
    const auto dismiss = [&self] {
      self->admission->close();
      self->doors.close();
    };
    // Made before anything begins, so that a server which cannot be started ends in order.
    const auto wait = [&closing] { return closing.wait(); };
    auto waiting = io::outlast(self->runtime(), std::stop_token(), wait);
    const auto drain = [&self] {
      const io::drain_times times(self->settings->shutdown_grace,
                                  self->settings->shutdown_idle_timeout);
      return io::drain(self->runtime(), self->group, times, self->stops);
    };
    auto draining = io::outlast(self->runtime(), std::stop_token(), drain);
    result<void> started = failure(out_of_memory());
    {
      const std::stop_callback on_close(self->closing.get_token(), dismiss);
      const std::stop_callback on_closing(self->closing.get_token(), wake);
      try {
        started = co_await start(self);
      } catch (const std::bad_alloc&) {
        started = failure(out_of_memory());
      }
      if (!started) self->closing.request_stop();
      co_await std::move(waiting);
    }
    self->refusals.close();
    if (!self->retired) self->stops.begun.request_stop();
    co_await std::move(draining);
    co_return started;
  }

  static io::task<void> start(std::shared_ptr<context_type> self) {
    for (const auto& service : self->settings->services) server::add_service(*self, service);
    const auto opened = co_await server::open_doors(self, self->settings);
    if (!opened && self->closing.stop_requested()) co_return result<void>{};
    if (!opened) co_return failure(opened.error());
    self->tell(ready{});
    co_return result<void>{};
  }

  std::shared_ptr<context_type> context_;
};

}  // namespace rathole::server
