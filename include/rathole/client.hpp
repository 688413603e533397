#pragma once

#include <rathole/client/events.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/observer_check.hpp>
#include <rathole/core/secret.hpp>
#include <rathole/core/time.hpp>
#include <rathole/datagram_listener.hpp>
#include <rathole/embed/client_operations.hpp>
#include <rathole/embed/datagram_stats.hpp>
#include <rathole/embed/event_sink.hpp>
#include <rathole/embed/listener_stats.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/embed/other_context.hpp>
#include <rathole/embed/tunnel_end.hpp>
#include <rathole/listener.hpp>
#include <rathole/version.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

namespace rathole::inline RATHOLE_ABI {

/// How many visitors of a `listener` wait, and for how long.
struct listen_options {
  /// The most visitors that wait to be accepted, together with the data channels that are kept ready
  /// for visitors; at least 1.
  std::size_t backlog = embed::default_backlog;
  /// How long a visitor waits to be accepted before it is reset; at most ten years.
  duration accept_timeout = embed::default_accept_timeout;
};

/// How many visitors of a `datagram_listener` are remembered, and how many bytes wait.
struct listen_datagrams_options {
  /// The most bytes of datagrams that wait to be received; further ones are dropped. A datagram
  /// counts 64 bytes beside its payload. There is always room for one.
  std::size_t backlog = embed::default_datagram_backlog;
  /// The `udp` table of the service.
  config::udp_options udp = {};
};

/// A service that a client forwards to a local service, added at run time by `client::forward`. The
/// service stays with the client when this object is destroyed. If the client could not have the
/// service, or it was removed, nothing is done to another one of its name. An object that was moved
/// from may only be destroyed or assigned to. Thread safety as for `listener`.
class forwarding {
 public:
  /// Returns the name of the service.
  [[nodiscard]] const std::string& service() const { return embed::service_of(body_); }

  /// Completes with `void(std::error_code)` once the client has the service, or with
  /// `errc::invalid_settings` if it cannot have it; `explain` says why. The settings are judged at
  /// once, also before the run.
  template <class Token>
  auto async_wait_added(Token&& token) {
    const auto start = [body = body_](auto done, const auto&) {
      embed::wait_added(body, std::move(done));
    };
    return embed::start_operation<>(embed::home_of(body_), embed::fallback_of(body_), start,
                                    std::forward<Token>(token));
  }

  /// Lets visitors that arrive from now on be forwarded to `local`; active connections continue.
  /// Completes with `void(std::error_code)`: `errc::invalid_settings` if `local` is empty, or
  /// `errc::service_not_exist` if the client does not have the service.
  template <class Token>
  auto async_retarget(address local, Token&& token) {
    auto start = [body = body_, local = std::move(local)](auto done, const auto&) mutable {
      embed::retarget(body, std::move(local), std::move(done));
    };
    return embed::start_operation<>(embed::home_of(body_), embed::fallback_of(body_),
                                    std::move(start), std::forward<Token>(token));
  }
  /// Lets visitors that arrive from now on be forwarded to `local`, without a completion; see
  /// `async_retarget`.
  void retarget(address local) {
    async_retarget(std::move(local), [](std::error_code) {});
  }

  /// Removes the service from the client; active connections continue.
  void close() { embed::close(body_); }

  /// Returns the text of an error of `async_wait_added` or `async_retarget`: what is wrong with the
  /// service, one problem a line, for `errc::invalid_settings`, otherwise the error's message. Unlike
  /// `client::explain`, it remembers what was wrong with this service. May be called by any thread.
  [[nodiscard]] std::string explain(std::error_code ec) const { return embed::explain(body_, ec); }

 private:
  friend class client;
  explicit forwarding(embed::forwarding_pointer body) : body_(std::move(body)) {}

  embed::forwarding_pointer body_;
};

/// The client of a tunnel: it connects to a server and serves the visitors of its services, by
/// forwarding them to local services or in the program itself.
///
/// All settings take effect, including the transport and `workers` (`ready_timeout` is the program's
/// alone); `async_run` fails if this build does not contain the transport. Made from an
/// `asio::io_context`, which one thread must run, the client lives there; made from another context
/// or from an executor, it lives on a thread of its own. By default (`workers` is 0) one thread per
/// processor is used, including the one where it lives; 1 adds none.
///
/// Distinct clients may be used by different threads, one client by one thread at a time. The
/// observer is called where the client lives; it must not block or throw, and must live until the
/// run has ended or the client is destroyed. Destroying the client shuts it down, and waits for
/// nothing but a call of the observer on another thread. The context must outlive the client.
///
/// `embed::tunnel_end` has what client and server have in common. Of a client, `async_run` fails only
/// because of the settings: whatever fails later is tried again and reported to the observer.
class client : public embed::tunnel_end<embed::client_interface> {
 public:
  /// A service begins to open its control channel.
  using control_channel_starting = client_side::control_channel_starting;
  /// The server accepted a service's token.
  using control_channel_established = client_side::control_channel_established;
  /// A control channel could not be established or broke; it is tried again.
  using control_channel_failed = client_side::control_channel_failed;
  /// A control channel is closed permanently.
  using control_channel_closed = client_side::control_channel_closed;
  /// A data channel failed.
  using data_channel_failed = client_side::data_channel_failed;
  /// A local service does not accept a connection.
  using local_connect_failed = client_side::local_connect_failed;
  /// A visitor's connection is active.
  using forward_started = client_side::forward_started;
  /// A visitor's connection has ended.
  using forward_ended = client_side::forward_ended;
  /// Datagrams were lost on this side.
  using datagrams_lost = client_side::datagrams_lost;
  /// A UDP service leads back to itself.
  using service_loops = client_side::service_loops;
  /// A server does not multiplex.
  using multiplexing_refused = client_side::multiplexing_refused;

  /// Makes a client that has not started, in `context`.
  client(asio::io_context& context, config::client settings)
      : tunnel_end(embed::make_client(context, std::move(settings),
                                      std::make_unique<embed::client_sink>())) {}
  /// Makes a client that reports its events to `observer`.
  template <class Observer>
  client(asio::io_context& context, config::client settings, Observer& observer)
      : tunnel_end(
            embed::make_client(context, std::move(settings),
                               std::make_unique<embed::passing_client_sink<Observer>>(observer))) {
    check_observer<Observer, client_side::all_events>();
  }
  /// Makes a client on a thread of its own; handlers without an executor run on `ex`. Throws
  /// `std::system_error` if there can be no thread.
  client(asio::any_io_executor ex, config::client settings)
      : tunnel_end(embed::make_client(std::move(ex), std::move(settings),
                                      std::make_unique<embed::client_sink>())) {}
  /// Makes a client on a thread of its own that reports its events to `observer` there.
  template <class Observer>
  client(asio::any_io_executor ex, config::client settings, Observer& observer)
      : tunnel_end(
            embed::make_client(std::move(ex), std::move(settings),
                               std::make_unique<embed::passing_client_sink<Observer>>(observer))) {
    check_observer<Observer, client_side::all_events>();
  }

  /// Makes a client on a thread of its own; handlers without an executor run in `context`, such as an
  /// `asio::thread_pool`. Throws `std::system_error` if there can be no thread.
  template <embed::OtherContext Context>
  client(Context& context, config::client settings)
      : client(asio::any_io_executor(context.get_executor()), std::move(settings)) {}
  /// Makes a client on a thread of its own that reports its events to `observer` there.
  template <embed::OtherContext Context, class Observer>
  client(Context& context, config::client settings, Observer& observer)
      : client(asio::any_io_executor(context.get_executor()), std::move(settings), observer) {}

  /// Adds the TCP service `name`, whose visitors the program itself serves. May be called before and
  /// during the run. `token` must be the same as on the server. The client must not have a service of
  /// this name: close another listener of it before this call, not by an assignment of the result.
  [[nodiscard]] listener listen(std::string name, secret token, listen_options options = {}) {
    config::client_service service;
    service.name = std::move(name);
    service.token = std::move(token);
    return listener(core()->listen(std::move(service), options.backlog, options.accept_timeout));
  }

  /// Adds the UDP service `name`, whose datagrams the program itself receives. May be called before
  /// and during the run. `token` must be the same as on the server.
  [[nodiscard]] datagram_listener listen_datagrams(std::string name, secret token,
                                                   listen_datagrams_options options = {}) {
    config::client_service service;
    service.name = std::move(name);
    service.token = std::move(token);
    service.udp = options.udp;
    return datagram_listener(core()->listen_datagrams(std::move(service), options.backlog));
  }

  /// Adds the TCP service `name`, whose visitors are forwarded to `local`. May be called before and
  /// during the run. If the client cannot have it, for example because it has one of this name,
  /// `forwarding::async_wait_added` fails, and then `problems()` and `forwarding::explain` say why.
  forwarding forward(std::string name, secret token, address local) {
    config::client_service service;
    service.name = std::move(name);
    service.token = std::move(token);
    service.local_addr = std::move(local);
    return forward(std::move(service));
  }
  /// Adds `service`, with all its settings.
  forwarding forward(config::client_service service) {
    return forwarding(core()->forward(std::move(service)));
  }
};

}  // namespace rathole::inline RATHOLE_ABI

#if !RATHOLE_SEPARATE_COMPILATION
#include <rathole/embed/impl/client_operations.hpp>
#endif
