#pragma once

#include <rathole/client/context.hpp>
#include <rathole/client/events.hpp>
#include <rathole/client/service.hpp>
#include <rathole/core/guard_memory.hpp>
#include <rathole/io/async_run.hpp>
#include <rathole/io/drain.hpp>
#include <rathole/io/outlast.hpp>
#include <rathole/protocol/bincode.hpp>
#include <rathole/protocol/descriptor_budget.hpp>

#include <cstddef>
#include <memory>
#include <stop_token>
#include <system_error>
#include <utility>

namespace rathole::client {

/// The client of a tunnel: keeps a control channel for each of its services and forwards what the
/// server sends to the local services.
///
/// It lives on its transport's executor, one thread; every member function is called there. It
/// works until it is stopped: whatever fails is tried again and told to the observer, which
/// outlives the client's operations.
template <transport::Transport T, class Observer = null_observer,
          protocol::Codec C = protocol::bincode>
class basic_client {
 public:
  basic_client(T transport, config::client settings, Observer& observer)
      : context_(
            std::make_shared<context_type>(std::move(transport), std::move(settings), observer)) {}

  /// Runs the client until it was stopped and all its work has ended. Completes with
  /// `void(std::error_code)`: success, or at once `errc::wrong_transport` or `errc::invalid_settings`
  /// for settings that it cannot have. Cancelling the operation is `stop()`. Called once.
  template <class Token>
  auto async_run(Token&& token) {
    return io::async_run(context_->runtime().get_executor(), run(context_), context_->closing,
                         std::forward<Token>(token));
  }

  /// Goes on with new settings, as far as they differ: nothing else is touched, and what is being
  /// forwarded goes on in any case. The transport is the same but for the options of its sockets and
  /// the number of workers, which the caller sees to.
  ///
  /// A service that is gone loses its control channel; one that has another kind or token, and all
  /// of them if `remote_addr` is another one, get theirs anew. Everything else holds at once, or for
  /// what begins from now on.
  ///
  /// Fails with `errc::wrong_transport` or `errc::invalid_settings`, and changes nothing then; or with
  /// `std::errc::not_enough_memory`, and the next update completes this one.
  result<void> update(config::client next) {
    if (const std::error_code ec = context_->refusal_of(next)) return failure(ec);
    if (context_->closing.stop_requested()) return {};
    return guard_memory([&]() -> result<void> {
      client::update(context_, config::bounded(std::move(next)));
      return {};
    });
  }

  /// Closes the control channels and the waiting data channels. What is being forwarded may go on
  /// for `shutdown_grace`, and for `shutdown_idle_timeout` without traffic.
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

  /// How many coroutines work for the client: one for each service, and for each data channel from
  /// the first dial to the end of its forward.
  [[nodiscard]] std::size_t tasks() const { return context_->group.size(); }

  /// Returns what the client's descriptors are used for, as far as it counts them.
  [[nodiscard]] const protocol::descriptor_use& descriptors() const {
    return context_->descriptors.use;
  }

 private:
  using context_type = context<T, Observer, C>;

  static io::task<void> run(std::shared_ptr<context_type> self) {
    const auto settings = self->settings.load();
    if (const std::error_code ec = self->refusal_of(*settings)) co_return failure(ec);
    io::event closing(self->runtime().get_executor());
    const auto wake = [&closing] { closing.notify(); };
    const std::stop_callback on_close(self->closing.get_token(), wake);
    // Made before anything begins, so that a client which cannot be started ends in order.
    const auto wait = [&closing] { return closing.wait(); };
    auto waiting = io::outlast(self->runtime(), std::stop_token(), wait);
    const auto drain = [&self] {
      const auto settings_then = self->settings.load();
      const io::drain_times times(settings_then->shutdown_grace,
                                  settings_then->shutdown_idle_timeout);
      return io::drain(self->runtime(), self->group, times, self->stops);
    };
    auto draining = io::outlast(self->runtime(), std::stop_token(), drain);
    const result<void> started = guard_memory([&]() -> result<void> {
      for (const auto& service : settings->services) {
        // An update may have come first.
        if (!self->services.contains(service.name)) start_service(self, service);
      }
      return {};
    });
    if (!started) self->closing.request_stop();
    co_await std::move(waiting);
    if (!self->retired) self->stops.begun.request_stop();
    co_await std::move(draining);
    co_return started;
  }

  std::shared_ptr<context_type> context_;
};

}  // namespace rathole::client
