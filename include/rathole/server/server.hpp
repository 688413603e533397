#pragma once

#include <rathole/io/async_run.hpp>
#include <rathole/io/drain.hpp>
#include <rathole/protocol/bincode.hpp>
#include <rathole/server/context.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/greeting.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <utility>

namespace rathole::server {

/// How accepts after an error on the clients' port are spaced (Compat: upstream's).
inline constexpr backoff_parameters client_listener_backoff{std::chrono::milliseconds(500), 0.5,
                                                            1.5, std::chrono::milliseconds(100)};

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
  /// `void(std::error_code)`: why it cannot listen, or success. Cancelling the operation is
  /// `stop()`. Called once.
  template <class Token>
  auto async_run(Token&& token) {
    return io::async_run(context_->runtime().get_executor(), run(context_), context_->closing,
                         std::forward<Token>(token));
  }

  /// Closes all listeners, control channels and idle data channels. What is being forwarded may go
  /// on for `shutdown_grace`.
  void stop() { context_->closing.request_stop(); }

  /// As `stop()`, and cuts what is being forwarded.
  void stop_now() {
    stop();
    context_->cutting.request_stop();
  }

  /// How many coroutines work for the server: one for each connection to the clients' port, and
  /// two for a control channel, one of which listens for visitors.
  [[nodiscard]] std::size_t tasks() const { return context_->group.size(); }

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
    for (const auto& service : self->settings.services) {
      self->registry.insert(protocol::service_digest(service.name),
                            std::make_shared<const config::server_service>(service));
    }
    auto acceptor = co_await self->transport.listen(self->settings.bind_addr.front(),
                                                    self->closing.get_token());
    if (!acceptor && self->closing.stop_requested()) co_return result<void>{};
    if (!acceptor) co_return failure(acceptor.error());
    const listening event{acceptor->local()};
    self->tell(event);
    const auto dismiss = [&self] { self->admission->close(); };
    const std::stop_callback on_close(self->closing.get_token(), dismiss);
    auto accepted = [&self](auto stream) {
      auto pending = self->admission->admit(stream.peer());
      self->group.spawn(greet(self, std::move(stream), std::move(pending)));
    };
    auto failed = [&self](std::error_code error, duration pause) {
      self->tell(accept_failed{{}, error, pause});
    };
    co_await io::accept_loop(self->runtime(), std::move(*acceptor), client_listener_backoff,
                             self->closing.get_token(), std::move(accepted), std::move(failed));
    self->refusals.close();
    co_await io::drain(self->runtime(), self->group, self->settings.shutdown_grace, self->cutting);
    co_return result<void>{};
  }

  std::shared_ptr<context_type> context_;
};

}  // namespace rathole::server
