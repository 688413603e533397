#pragma once

#include <rathole/client/context.hpp>
#include <rathole/client/datagram_receiver.hpp>
#include <rathole/client/events.hpp>
#include <rathole/client/stream_receiver.hpp>
#include <rathole/client/update.hpp>
#include <rathole/core/observer_check.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/drain.hpp>
#include <rathole/io/retry_on_bad_alloc.hpp>
#include <rathole/io/run/async_run.hpp>
#include <rathole/protocol/bincode.hpp>
#include <rathole/protocol/descriptor_budget.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>

namespace rathole::client_side {

/// Runs the client of a tunnel: keeps a control channel for each of its services, to one server or to
/// each of several, and forwards the visitors that the servers send to the local services.
///
/// It lives on its transport's executor, one thread; every member function must be called there. It
/// works until it is stopped: every failed operation is retried and reported to the observer, which
/// must outlive the client's operations. `T` is the transport, `Observer` receives the events of
/// `client/events.hpp`; one with a handler that would never be called does not compile, see
/// `check_observer`. `C` is the codec.
template <transport::Transport T, class Observer = null_observer,
          protocol::Codec C = protocol::bincode>
class basic_client {
 public:
  /// Makes a client that has not started. It connects through `transport` and reports to
  /// `observer`.
  basic_client(T transport, config::client settings, Observer& observer)
      : context_(
            std::make_shared<context_type>(std::move(transport), std::move(settings), observer)) {
    check_observer<Observer, all_events>();
  }

  /// Numbers the connections from `first` on, so that those of several clients on one control plane differ.
  /// Must be called before `async_run`.
  void number_connections_from(std::uint64_t first) { context_->next_forward = first; }

  /// Lets `forward_started` say which `io::live_connection` a connection is, which costs an allocation
  /// for each, and UDP services that start from now on report `datagrams_carried`.
  void follow_traffic() { context_->follows_traffic = true; }

  /// Runs the client until it is stopped and all its work has ended. Completes with
  /// `void(std::error_code)`: no error, or at once `errc::wrong_transport` or
  /// `errc::invalid_settings` if the settings cannot be used, or `errc::retries_exhausted` once all services were
  /// given up after `max_retries`. Cancelling the operation stops the
  /// client. Must be called once.
  template <class Token>
  auto async_run(Token&& token) {
    return io::async_run(context_->runtime().get_executor(), run(context_), context_->closing,
                         std::forward<Token>(token));
  }

  /// Applies new settings. Only what differs is changed, and active connections continue in any
  /// case. The transport stays the same except for its socket options; the caller must apply the
  /// number of workers.
  ///
  /// A removed service loses its control channels. A service whose kind or token changes gets new
  /// control channels, and so do all services on a server that is no longer in `remote_addr`; those
  /// on other servers are not touched. Every other setting takes effect at once, or for what begins
  /// afterwards.
  ///
  /// Fails with `errc::wrong_transport` or `errc::invalid_settings`, and with `errc::retries_exhausted` if the
  /// client is ending because it has given up; nothing is changed then. After
  /// `std::errc::not_enough_memory` the next update completes this one.
  result<void> update(config::client next) {
    if (const std::error_code ec = context_->settings_error(next)) return failure(ec);
    if (context_->has_given_up) return failure(errc::retries_exhausted);
    if (context_->closing.stop_requested()) return {};
    return catch_bad_alloc([&]() -> result<void> {
      client_side::update(context_, config::bounded(std::move(next)));
      return {};
    });
  }

  /// Lets `receiver` take the visitors of the service named `service`, whose settings say
  /// `in_process`. Must be called before the service is started, by `async_run` or `update`; null
  /// forgets the receiver.
  void receive(const std::string& service, std::shared_ptr<stream_receiver> receiver) {
    if (receiver) {
      context_->receivers[service] = std::move(receiver);
    } else {
      context_->receivers.erase(service);
    }
  }

  /// Lets `receiver` take the datagrams of the UDP service named `service`, whose settings say
  /// `in_process`, from now on; null forgets the receiver. Datagrams are lost while there is none.
  void receive(const std::string& service, std::shared_ptr<datagram_receiver> receiver) {
    if (receiver) {
      context_->datagram_receivers[service] = std::move(receiver);
    } else {
      context_->datagram_receivers.erase(service);
    }
  }

  /// Closes the control channels and the waiting data channels. Active connections may continue for
  /// `shutdown_grace`, and for `shutdown_idle_timeout` without traffic.
  void stop() {
    context_->closing.request_stop();
    context_->stops.begun.request_stop();
  }

  /// Drains the client: stops it like `stop()`, but active connections may continue without a limit
  /// until `stop()` is called.
  void drain() {
    context_->draining = true;
    context_->closing.request_stop();
  }

  /// Stops the client like `stop()`, and aborts the active connections.
  void stop_now() {
    stop();
    context_->stops.end_all();
  }

  /// Returns whether connections that were left were aborted: by `stop_now()`, or because
  /// `shutdown_grace` had passed since `stop()`.
  [[nodiscard]] bool has_aborted() const { return context_->stops.now.stop_requested(); }

  /// Returns how many coroutines work for the client: one for each service, and one for each data
  /// channel from its first dial to the end of its connection.
  [[nodiscard]] std::size_t tasks() const { return context_->group.size(); }

  /// Returns the client's counted descriptors, by use.
  [[nodiscard]] const protocol::descriptor_use& descriptors() const {
    return context_->descriptors.use;
  }

 private:
  using context_type = context<T, Observer, C>;

  static io::task<void> run(std::shared_ptr<context_type> self) {
    const auto settings = self->settings.load();
    if (const std::error_code ec = self->settings_error(*settings)) co_return failure(ec);
    if constexpr (transport::Multiplexing<T>) {
      self->transport.on_refused([weak = std::weak_ptr(self)](const auto& refusal) {
        const auto refused = weak.lock();
        if (!refused) return;
        const auto latest = refused->settings.load();
        const multiplexing_refused event{refusal.server, refusal.error, refusal.retry_in, *latest};
        refused->emit(event);
      });
    }
    io::event closing(self->runtime().get_executor());
    const auto wake = [&closing] { closing.notify(); };
    const std::stop_callback on_close(self->closing.get_token(), wake);
    // Created before anything starts, so that a client that cannot be started ends in order.
    const auto wait = [&closing] { return closing.wait(); };
    auto waiting = io::retry_on_bad_alloc(self->runtime(), std::stop_token(), wait);
    const auto drain = [&self] {
      const auto settings_then = self->settings.load();
      const io::drain_times times(settings_then->shutdown_grace,
                                  settings_then->shutdown_idle_timeout);
      return io::drain(self->runtime(), self->group, times, self->stops);
    };
    auto draining = io::retry_on_bad_alloc(self->runtime(), std::stop_token(), drain);
    const result<void> started = catch_bad_alloc([&]() -> result<void> {
      // An update may have started services before.
      start_services(self);
      return {};
    });
    if (!started) self->closing.request_stop();
    co_await std::move(waiting);
    if (!self->draining) self->stops.begun.request_stop();
    co_await std::move(draining);
    if constexpr (transport::Multiplexing<T>) co_await self->transport.close();
    if (started && self->has_given_up) co_return failure(errc::retries_exhausted);
    co_return started;
  }

  std::shared_ptr<context_type> context_;
};

}  // namespace rathole::client_side
