#pragma once

#include <rathole/config/problem.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/time.hpp>
#include <rathole/embed/event_sink.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/embed/separate.hpp>
#include <rathole/io/task.hpp>
#include <rathole/server/hooks.hpp>
#include <rathole/version.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>

#include <memory>
#include <string>
#include <vector>

namespace rathole::inline RATHOLE_ABI {

class stream;

}  // namespace rathole::inline RATHOLE_ABI

namespace rathole::embed::inline RATHOLE_ABI {

class server_core;

/// An owner of what stands behind a `server`.
using server_pointer = std::shared_ptr<server_core>;

// Unless they say otherwise, these functions may be called by any thread.

/// Makes what stands behind a server that lives in `context`.
RATHOLE_DECL server_pointer make_server(asio::io_context& context, config::server settings,
                                        std::unique_ptr<server_sink> events);
/// Makes what stands behind a server that lives on a thread of its own.
RATHOLE_DECL server_pointer make_server(asio::any_io_executor fallback, config::server settings,
                                        std::unique_ptr<server_sink> events);

/// Returns where `of` lives.
RATHOLE_DECL io::executor home_of(const server_pointer& of);
/// Returns the executor of handlers that have none.
RATHOLE_DECL const asio::any_io_executor& fallback_of(const server_pointer& of);

/// Runs `what`; see `server::async_run`. Must be called where it lives, like the next five.
RATHOLE_DECL void run(const server_pointer& what, completion<> done,
                      const cancellation_pointer& cancel);
/// Applies new settings; see `server::async_update`.
RATHOLE_DECL void update(const server_pointer& what, config::server next, completion<> done);
/// Drains `what`; see `server::async_drain`.
RATHOLE_DECL void drain(const server_pointer& what, duration timeout, completion<> done);
/// Adds a service; see `server::async_add`.
RATHOLE_DECL void add(const server_pointer& what, config::server_service service,
                      completion<> done);
/// Removes a service; see `server::async_remove`.
RATHOLE_DECL void remove(const server_pointer& what, const std::string& service, completion<> done);
/// Connects the program with a service; see `server::async_connect`.
RATHOLE_DECL void connect(const server_pointer& what, const std::string& service,
                          completion<stream> done, const cancellation_pointer& cancel);
/// Uses `hooks`; see `server::use`.
RATHOLE_DECL void use(const server_pointer& what, server_side::server_hooks hooks);
/// Closes `what`; see `server::close`.
RATHOLE_DECL void close(const server_pointer& what);
/// Shuts `what` down; see `server::shutdown`.
RATHOLE_DECL void shutdown(const server_pointer& what);
/// Returns the problems of the last settings that could not be used.
RATHOLE_DECL std::vector<config::problem> problems_of(const server_pointer& what);

}  // namespace rathole::embed::inline RATHOLE_ABI
