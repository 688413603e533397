#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/observer_check.hpp>
#include <rathole/embed/event_sink.hpp>
#include <rathole/embed/other_context.hpp>
#include <rathole/embed/server_operations.hpp>
#include <rathole/embed/tunnel_end.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/hooks.hpp>
#include <rathole/stream.hpp>
#include <rathole/version.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::inline RATHOLE_ABI {

/// The server of a tunnel: clients connect to it and prove that they know a service's token;
/// visitors of the service are then forwarded to the client.
///
/// All settings take effect, including the transport and `workers` (`ready_timeout` is the program's
/// alone); `async_run` fails if this build does not contain the transport. Made from an
/// `asio::io_context`, which one thread must run, the server lives there; made from another context
/// or from an executor, it lives on a thread of its own. By default (`workers` is 0) one thread per
/// processor is used, including the one where it lives; 1 adds none.
///
/// Distinct servers may be used by different threads, one server by one thread at a time. The
/// observer is called where the server lives; it must not block or throw, and must live until the
/// run has ended or the server is destroyed. Destroying the server shuts it down, and waits for
/// nothing but a call of the observer or of a hook on another thread. The context must outlive the
/// server.
///
/// `embed::tunnel_end` has what client and server have in common. Of a server, `async_run` and
/// `async_update` also fail if an address of `bind_addr` cannot be bound.
class server : public embed::tunnel_end<embed::server_interface> {
 public:
  /// Clients can connect at an address.
  using listening = server_side::listening;
  /// The server listens on all its addresses.
  using ready = server_side::ready;
  /// Visitors of a service can connect at an address.
  using service_listening = server_side::service_listening;
  /// An address is left out, because the host has no IPv6.
  using address_left_out = server_side::address_left_out;
  /// A client of a UDP service has fewer data channels than the settings say.
  using data_channels_limited = server_side::data_channels_limited;
  /// An address of a service cannot be bound; it is tried again.
  using service_bind_failed = server_side::service_bind_failed;
  /// An address for clients was lost; it is tried again.
  using listener_lost = server_side::listener_lost;
  /// A listener could not accept; it continues.
  using accept_failed = server_side::accept_failed;
  /// A connection became neither a control nor a data channel.
  using handshake_failed = server_side::handshake_failed;
  /// A client asked for a service that does not exist.
  using unknown_service = server_side::unknown_service;
  /// A client used a wrong token.
  using authentication_failed = server_side::authentication_failed;
  /// A summary of refused connections.
  using connections_refused = server_side::connections_refused;
  /// A client serves a service.
  using control_channel_established = server_side::control_channel_established;
  /// A client replaces another one.
  using control_channel_replaced = server_side::control_channel_replaced;
  /// The control channel of a service has ended.
  using control_channel_closed = server_side::control_channel_closed;
  /// A data channel of a UDP service has ended.
  using udp_channel_lost = server_side::udp_channel_lost;
  /// A client is refused because its service takes no more clients.
  using client_refused = server_side::client_refused;
  /// A visitor was rejected.
  using visitor_refused = server_side::visitor_refused;
  /// A visitor waits for another client, because one did not serve it.
  using visitor_failed_over = server_side::visitor_failed_over;
  /// A service leads back to itself.
  using service_loops = server_side::service_loops;
  /// A visitor's connection is active.
  using forward_started = server_side::forward_started;
  /// A visitor's connection has ended.
  using forward_ended = server_side::forward_ended;
  /// Datagrams were lost on this side.
  using datagrams_lost = server_side::datagrams_lost;

  /// Functions that decide about visitors and clients; see `use`.
  using hooks = server_side::server_hooks;
  /// A client that asks to serve a service.
  using authentication_request = server_side::authentication_request;
  /// The answer to it.
  using authentication_answer = server_side::authentication_answer;

  /// Makes a server that has not started, in `context`.
  server(asio::io_context& context, config::server settings)
      : tunnel_end(embed::make_server(context, std::move(settings),
                                      std::make_unique<embed::server_sink>())) {}
  /// Makes a server that reports its events to `observer`.
  template <class Observer>
  server(asio::io_context& context, config::server settings, Observer& observer)
      : tunnel_end(
            embed::make_server(context, std::move(settings),
                               std::make_unique<embed::passing_server_sink<Observer>>(observer))) {
    check_observer<Observer, server_side::all_events>();
  }
  /// Makes a server on a thread of its own; handlers without an executor run on `ex`. Throws
  /// `std::system_error` if there can be no thread.
  server(asio::any_io_executor ex, config::server settings)
      : tunnel_end(embed::make_server(std::move(ex), std::move(settings),
                                      std::make_unique<embed::server_sink>())) {}
  /// Makes a server on a thread of its own that reports its events to `observer` there.
  template <class Observer>
  server(asio::any_io_executor ex, config::server settings, Observer& observer)
      : tunnel_end(
            embed::make_server(std::move(ex), std::move(settings),
                               std::make_unique<embed::passing_server_sink<Observer>>(observer))) {
    check_observer<Observer, server_side::all_events>();
  }

  /// Makes a server on a thread of its own; handlers without an executor run in `context`, such as an
  /// `asio::thread_pool`. Throws `std::system_error` if there can be no thread.
  template <embed::OtherContext Context>
  server(Context& context, config::server settings)
      : server(asio::any_io_executor(context.get_executor()), std::move(settings)) {}
  /// Makes a server on a thread of its own that reports its events to `observer` there.
  template <embed::OtherContext Context, class Observer>
  server(Context& context, config::server settings, Observer& observer)
      : server(asio::any_io_executor(context.get_executor()), std::move(settings), observer) {}

  /// Adds a service. May be called before and during the run. Completes with
  /// `void(std::error_code)`: `errc::invalid_settings` if the server cannot have it, for example
  /// because it has one of this name.
  template <class Token>
  auto async_add(config::server_service service, Token&& token) {
    auto add = [core = core(), added = std::move(service)](auto done, const auto&) mutable {
      core->add(std::move(added), std::move(done));
    };
    return start(std::move(add), std::forward<Token>(token));
  }
  /// Adds a service without a completion; see `async_add`.
  void add(config::server_service service) {
    async_add(std::move(service), [](std::error_code) {});
  }

  /// Removes the service `name`, which was added; active connections continue. Completes with
  /// `void(std::error_code)`: `errc::service_not_exist` if there is none.
  template <class Token>
  auto async_remove(std::string name, Token&& token) {
    const auto remove = [core = core(), name = std::move(name)](auto done, const auto&) {
      core->remove(name, std::move(done));
    };
    return start(remove, std::forward<Token>(token));
  }
  /// Removes the service `name` without a completion; see `async_remove`.
  void remove(std::string name) {
    async_remove(std::move(name), [](std::error_code) {});
  }

  /// Connects the program itself, as a visitor, with the TCP service `service`: the stream is the data
  /// channel, and nothing is relayed. It waits for a data channel like other visitors, within the same
  /// limits. Completes with `void(std::error_code, stream)`; the errors are those of
  /// `server_side::basic_server::connect`: `errc::service_not_exist`, `errc::no_client` if no client
  /// serves it now, `errc::timed_out`, and others. A request that is cancelled completes with
  /// `asio::error::operation_aborted`.
  template <class Token>
  auto async_connect(std::string service, Token&& token) {
    const auto connect = [core = core(), name = std::move(service)](auto done, const auto& cancel) {
      core->connect(name, std::move(done), cancel);
    };
    return start<stream>(connect, std::forward<Token>(token));
  }

  /// Returns the addresses at which clients can connect now, with the ports that the system chose for
  /// port 0. It is empty before the server listens (`listening`, `ready`) and after it has closed.
  /// Addresses like 0.0.0.0 stay as they are. May be called by any thread.
  [[nodiscard]] std::vector<address> addresses() const { return core()->addresses(std::nullopt); }
  /// Returns the addresses at which visitors of `service` can connect now, in the same way. It is empty
  /// while no client serves the service, because nothing listens then, and for a service that does
  /// not exist. May be called by any thread.
  [[nodiscard]] std::vector<address> addresses(std::string_view service) const {
    return core()->addresses(service);
  }

  /// Lets the program decide which visitors are accepted, and which clients may serve a service, from
  /// now on, instead of earlier functions; what was accepted continues. The functions are called where
  /// the server lives, and like the observer not after the server is destroyed. May be called by any
  /// thread.
  void use(hooks decide) { core()->post_use(std::move(decide)); }
};

}  // namespace rathole::inline RATHOLE_ABI

#if !RATHOLE_SEPARATE_COMPILATION
#include <rathole/embed/impl/server_operations.hpp>
#endif
