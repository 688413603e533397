#pragma once

#include <rathole/core/observer_check.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/drain.hpp>
#include <rathole/io/retry_on_bad_alloc.hpp>
#include <rathole/io/run/async_run.hpp>
#include <rathole/protocol/bincode.hpp>
#include <rathole/protocol/descriptor_budget.hpp>
#include <rathole/server/connect.hpp>
#include <rathole/server/context.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/hooks.hpp>
#include <rathole/server/listening_addresses.hpp>
#include <rathole/server/open_listeners.hpp>
#include <rathole/server/update.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <string_view>
#include <utility>

namespace rathole::server_side {

/// A client that serves a service.
struct serving_client {
  /// Its address.
  const address& peer;
  /// How many visitors wait for it or are served by it: connections of a TCP service, remembered visitors of a
  /// UDP service whose `on_conflict` is `balance`, and otherwise 0.
  std::size_t visitors = 0;
  /// Whether new visitors avoid it for a while, because it has failed to serve one.
  bool is_skipped = false;
};

/// Runs the server of a tunnel: clients connect to it and prove that they know a service's token;
/// visitors of the service are then forwarded to the client.
///
/// It lives on its transport's executor, one thread; every member function must be called there.
/// Once it listens it works until it is stopped: every failure is reported to the observer, which
/// must outlive the server's operations. `T` is the transport, `Observer` receives the events of
/// `server/events.hpp`; one with a handler that would never be called does not compile, see
/// `check_observer`. `C` is the codec.
template <transport::Transport T, class Observer = null_observer,
          protocol::Codec C = protocol::bincode>
class basic_server {
 public:
  /// Makes a server that has not started. It accepts clients through `transport`, reports to
  /// `observer`, and asks `hooks`, which may be null, for decisions. Servers on one control plane
  /// may share them.
  basic_server(T transport, config::server settings, Observer& observer,
               std::shared_ptr<server_hooks> hooks = nullptr)
      : context_(std::make_shared<context_type>(std::move(transport), std::move(settings), observer,
                                                std::move(hooks))) {
    check_observer<Observer, all_events>();
  }

  /// Asks `hooks` for decisions, instead of those given to the constructor. Must be called before
  /// `async_run`.
  void use(std::shared_ptr<server_hooks> hooks) { context_->hooks = std::move(hooks); }

  /// Numbers the connections from `first` on, so that those of several servers on one control plane differ.
  /// Must be called before `async_run`.
  void number_connections_from(std::uint64_t first) { context_->next_forward = first; }

  /// Lets `forward_started` say which `io::live_connection` a connection is, which costs an allocation
  /// for each, and UDP services that start from now on report `datagrams_carried`.
  void follow_traffic() { context_->follows_traffic = true; }

  /// Lists the addresses at which the server listens in `list`, which servers that follow each other
  /// may share. Must be called before `async_run`.
  void list_addresses_in(std::shared_ptr<listening_addresses> list) {
    context_->addresses = std::move(list);
  }
  /// Returns the addresses at which the server listens.
  [[nodiscard]] const listening_addresses& addresses() const { return *context_->addresses; }

  /// Runs the server until it is stopped and all its work has ended. Completes with
  /// `void(std::error_code)`: no error, the reason why it cannot listen, or at once
  /// `errc::wrong_transport` or `errc::invalid_settings` if the settings cannot be used. Cancelling
  /// the operation stops the server. Must be called once.
  template <class Token>
  auto async_run(Token&& token) {
    return io::async_run(context_->runtime().get_executor(), run(context_), context_->closing,
                         std::forward<Token>(token));
  }

  /// Applies new settings. Only what differs is changed, and active connections continue in any
  /// case. The transport stays the same except for its socket options; the caller must apply the
  /// number of workers.
  ///
  /// * `bind_addr`: new addresses are bound first. Only a listener for clients or visitors that is
  ///   removed and whose port a new address needs is closed before, and opened again if the update
  ///   fails. Then listeners whose addresses are removed are closed, and with them the control
  ///   channels of clients that connected through them.
  /// * A service that is removed, or whose kind or token changes, loses its control channel; a
  ///   new one waits for its client.
  /// * Every other setting takes effect at once, or for what begins afterwards.
  ///
  /// Must be called once the server is ready, one call at a time. Completes with
  /// `void(std::error_code)`: the reason why a new address cannot be bound, `errc::wrong_transport`
  /// or `errc::invalid_settings`; nothing is changed then. After `std::errc::not_enough_memory` the
  /// next update completes this one.
  template <class Token>
  auto async_update(config::server next, Token&& token) {
    return io::async_run(context_->runtime().get_executor(),
                         server_side::update(context_, config::bounded(std::move(next))),
                         std::stop_source(), std::forward<Token>(token));
  }

  /// Connects the program itself, as a visitor, with the TCP service `service`. It gets the data
  /// channel as a stream, and nothing is relayed.
  ///
  /// The request waits for a data channel like the visitors of the service's port: in their queue,
  /// within `max_waiting_visitors` and `visitor_timeout`, and by the same events, which name
  /// `in_process_address()` as the visitor. The stream is an active connection until it is closed,
  /// which happens at the latest when the last owner drops it. `idle_timeout` and
  /// `half_close_timeout` do not apply to it: the program decides how long it keeps it.
  ///
  /// `done` is called once, on the control plane and never inside this call, with the stream or an
  /// error:
  ///
  /// * `errc::service_not_exist`: the settings have no such service, or the server has not started;
  /// * `errc::unexpected_traffic`: it is a UDP service;
  /// * `errc::no_client`: no client serves it now, so that its port would be closed;
  /// * `errc::limit_reached`: too many visitors wait; EMFILE: there is no descriptor for it;
  /// * `errc::timed_out`: it waited for `visitor_timeout`;
  /// * `errc::stopped`: `cancel` was requested, or the server is stopping;
  /// * why the last data channel could not be started, or why the client went, otherwise.
  ///
  /// Once `cancel` is requested, on any thread, the request no longer waits; a stream that it has
  /// already is not affected. Throws `std::bad_alloc` if there is no memory for the request.
  void connect(std::string_view service, std::stop_token cancel, connect_completion done) {
    connect_request request(context_->runtime().get_executor(), std::move(cancel), std::move(done));
    server_side::connect(*context_, service, std::move(request));
  }

  /// The handles of listening sockets that one server hands over to another. The other server uses
  /// them instead of binding the addresses, so that a server with a different transport can replace
  /// a running one without closing an address in between.
  using listener_list = std::vector<typename context<T, Observer, C>::listener_pointer>;
  /// Returns handles of the listeners for clients, for another server.
  [[nodiscard]] listener_list duplicate_listeners() const {
    return context_->listeners.duplicate();
  }
  /// Takes over listeners of another server. Must be called before `async_run`.
  void take_over(listener_list listeners) {
    for (auto& each : listeners) context_->taken_over.add(std::move(each));
  }

  /// Closes all listeners, control channels and idle data channels. Active connections may continue
  /// for `shutdown_grace`, and for `shutdown_idle_timeout` without traffic.
  void stop() {
    context_->closing.request_stop();
    context_->stops.begun.request_stop();
  }

  /// Drains the server: stops it like `stop()`, but active connections may continue without a limit
  /// until `stop()` is called.
  void drain() {
    context_->draining = true;
    context_->closing.request_stop();
  }

  /// Stops the server like `stop()`, and aborts the active connections.
  void stop_now() {
    stop();
    context_->stops.end_all();
  }

  /// Returns whether connections that were left were aborted: by `stop_now()`, or because
  /// `shutdown_grace` had passed since `stop()`.
  [[nodiscard]] bool has_aborted() const { return context_->stops.now.stop_requested(); }

  /// Returns how many coroutines work for the server: one for each listener for clients, one for
  /// each connection there, and one for each listener for visitors.
  [[nodiscard]] std::size_t tasks() const { return context_->group.size(); }

  /// Returns the server's counted descriptors, by use.
  [[nodiscard]] const protocol::descriptor_use& descriptors() const {
    return context_->descriptors.use;
  }

  /// Calls `visit(service, counts)` for each service that has clients, with its settings and the sum of the
  /// `protocol::channel_counts` of the clients, which say how many visitors wait. `visit` must not stop the
  /// server.
  template <class F>
  void for_each_pool(F visit) const {
    context_->registry.for_each([&](const auto&, const auto& service, const auto serving) {
      std::optional<protocol::channel_counts> sum;
      for (const auto& each : serving) {
        const auto session = each.lock();
        if (!session) continue;
        if (!sum) sum.emplace();
        *sum += session->counts();
      }
      if (sum) visit(*service, *sum);
    });
  }

  /// Calls `visit(service, client)` for each client of each service, with the settings of the service and the
  /// `serving_client`; those of a service in the order in which they came. `visit` must not stop the server.
  template <class F>
  void for_each_client(F visit) const {
    context_->registry.for_each([&](const auto&, const auto& service, const auto serving) {
      for (const auto& each : serving) {
        const auto session = each.lock();
        if (!session || session->has_ended()) continue;
        const auto state = session->state();
        const serving_client client{session->peer(), state.visitors, state.is_skipped};
        visit(*service, client);
      }
    });
  }

 private:
  using context_type = context<T, Observer, C>;
  static_assert(protocol::ServiceRegistry<typename context_type::registry_type>);

  static io::task<void> run(std::shared_ptr<context_type> self) {
    if (const std::error_code ec = self->settings_error(*self->settings)) co_return failure(ec);
    io::event closing(self->runtime().get_executor());
    const auto wake = [&closing] { closing.notify(); };
    const auto dismiss = [&self] {
      self->admission->close();
      self->listeners.close();
    };
    // Created before anything starts, so that a server that cannot be started ends in order.
    const auto wait = [&closing] { return closing.wait(); };
    auto waiting = io::retry_on_bad_alloc(self->runtime(), std::stop_token(), wait);
    const auto drain = [&self] {
      const io::drain_times times(self->settings->shutdown_grace,
                                  self->settings->shutdown_idle_timeout);
      return io::drain(self->runtime(), self->group, times, self->stops);
    };
    auto draining = io::retry_on_bad_alloc(self->runtime(), std::stop_token(), drain);
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
    if (!self->draining) self->stops.begun.request_stop();
    co_await std::move(draining);
    co_return started;
  }

  static io::task<void> start(std::shared_ptr<context_type> self) {
    for (const auto& service : self->settings->services) server_side::add_service(*self, service);
    const auto opened = co_await server_side::open_listeners(self, self->settings);
    if (!opened && self->closing.stop_requested()) co_return result<void>{};
    if (!opened) co_return failure(opened.error());
    self->emit(ready{});
    co_return result<void>{};
  }

  std::shared_ptr<context_type> context_;
};

}  // namespace rathole::server_side
