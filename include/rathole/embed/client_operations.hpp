#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/time.hpp>
#include <rathole/embed/end_interface.hpp>
#include <rathole/embed/event_sink.hpp>
#include <rathole/embed/listener_stats.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/embed/separate.hpp>
#include <rathole/io/task.hpp>
#include <rathole/version.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <system_error>

namespace rathole::inline RATHOLE_ABI {

class stream;

}  // namespace rathole::inline RATHOLE_ABI

namespace rathole::embed::inline RATHOLE_ABI {

struct listener_body;
struct datagram_listener_body;
struct forwarding_body;

/// An owner of the implementation of a `listener`.
using listener_pointer = std::shared_ptr<listener_body>;
/// An owner of the implementation of a `datagram_listener`.
using datagram_listener_pointer = std::shared_ptr<datagram_listener_body>;
/// An owner of the implementation of a `forwarding`.
using forwarding_pointer = std::shared_ptr<forwarding_body>;

/// What a `client` sees of its implementation, the `client_core`. The functions that only a client
/// has may be called by any thread.
class client_interface : public end_interface<config::client> {
 public:
  /// Adds a service that the program serves; see `client::listen`.
  virtual listener_pointer listen(config::client_service service, std::size_t backlog,
                                  duration accept_timeout) = 0;
  /// Adds a UDP service that the program serves; see `client::listen_datagrams`.
  virtual datagram_listener_pointer listen_datagrams(config::client_service service,
                                                     std::size_t backlog) = 0;
  /// Adds a service that is forwarded; see `client::forward`.
  virtual forwarding_pointer forward(config::client_service service) = 0;
};

/// An owner of the implementation of a `client`.
using client_pointer = std::shared_ptr<client_interface>;

// Unless they say otherwise, these functions may be called by any thread.

/// Makes the implementation of a client that lives in `context`.
RATHOLE_DECL client_pointer make_client(asio::io_context& context, config::client settings,
                                        std::unique_ptr<client_sink> events);
/// Makes the implementation of a client that lives on a thread of its own.
RATHOLE_DECL client_pointer make_client(asio::any_io_executor fallback, config::client settings,
                                        std::unique_ptr<client_sink> events);

/// Returns where `of` lives.
RATHOLE_DECL io::executor home_of(const listener_pointer& of);
/// Returns the executor of handlers that have none.
RATHOLE_DECL const asio::any_io_executor& fallback_of(const listener_pointer& of);
/// Returns the name of the service.
RATHOLE_DECL const std::string& service_of(const listener_pointer& of);
/// Accepts a visitor; see `listener::async_accept`. Must be called where it lives.
RATHOLE_DECL void accept(const listener_pointer& from, completion<stream> done,
                         const cancellation_pointer& cancel);
/// Drains the listener; see `listener::async_drain`. Must be called where it lives.
RATHOLE_DECL void drain(const listener_pointer& what, duration timeout, completion<> done);
/// Closes the listener; see `listener::close`.
RATHOLE_DECL void close(const listener_pointer& what);
/// Shuts the listener down; see `listener::shutdown`.
RATHOLE_DECL void shutdown(const listener_pointer& what);
/// Returns what the listener has done.
RATHOLE_DECL listener_stats stats_of(const listener_pointer& what);
/// Returns the text of an error; see `listener::explain`.
RATHOLE_DECL std::string explain(const listener_pointer& what, std::error_code ec);

/// Returns where `of` lives.
RATHOLE_DECL io::executor home_of(const forwarding_pointer& of);
/// Returns the executor of handlers that have none.
RATHOLE_DECL const asio::any_io_executor& fallback_of(const forwarding_pointer& of);
/// Returns the name of the service.
RATHOLE_DECL const std::string& service_of(const forwarding_pointer& of);
/// Completes once the service was added, or with the reason why the client cannot have it. Must be
/// called where it lives.
RATHOLE_DECL void wait_added(const forwarding_pointer& what, completion<> done);
/// Changes the local service; see `forwarding::async_retarget`. Must be called where it lives.
RATHOLE_DECL void retarget(const forwarding_pointer& what, address local, completion<> done);
/// Removes the service; see `forwarding::close`.
RATHOLE_DECL void close(const forwarding_pointer& what);
/// Returns the text of an error; see `forwarding::explain`.
RATHOLE_DECL std::string explain(const forwarding_pointer& what, std::error_code ec);

}  // namespace rathole::embed::inline RATHOLE_ABI
