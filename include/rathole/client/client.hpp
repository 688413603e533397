#pragma once

#include <rathole/client/context.hpp>
#include <rathole/client/events.hpp>
#include <rathole/client/service.hpp>
#include <rathole/io/async_run.hpp>
#include <rathole/io/drain.hpp>
#include <rathole/protocol/bincode.hpp>

#include <cstddef>
#include <memory>
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
  /// `void(std::error_code)`: always success. Cancelling the operation is `stop()`. Called once.
  template <class Token>
  auto async_run(Token&& token) {
    return io::async_run(context_->runtime().get_executor(), run(context_), context_->closing,
                         std::forward<Token>(token));
  }

  /// Closes the control channels and the waiting data channels. What is being forwarded may go on
  /// for `shutdown_grace`.
  void stop() { context_->closing.request_stop(); }

  /// As `stop()`, and cuts what is being forwarded.
  void stop_now() {
    stop();
    context_->cutting.request_stop();
  }

  /// How many coroutines work for the client: one for each service, and for each data channel from
  /// the first dial to the end of its forward.
  [[nodiscard]] std::size_t tasks() const { return context_->group.size(); }

 private:
  using context_type = context<T, Observer, C>;

  static io::task<void> run(std::shared_ptr<context_type> self) {
    for (const auto& service : self->settings.services) {
      auto settings = std::make_shared<const config::client_service>(service);
      self->group.spawn(run_service(self, std::move(settings)));
    }
    io::event closing(self->runtime().get_executor());
    const auto wake = [&closing] { closing.notify(); };
    const std::stop_callback on_close(self->closing.get_token(), wake);
    co_await closing.wait();
    co_await io::drain(self->runtime(), self->group, self->settings.shutdown_grace, self->cutting);
    co_return result<void>{};
  }

  std::shared_ptr<context_type> context_;
};

}  // namespace rathole::client
