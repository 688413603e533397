#pragma once

#include <rathole/core/ip_endpoint.hpp>
#include <rathole/embed/datagram_stats.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/embed/separate.hpp>
#include <rathole/embed/stream_operations.hpp>
#include <rathole/embed/take_function.hpp>
#include <rathole/io/task.hpp>
#include <rathole/version.hpp>

#include <asio/any_io_executor.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <system_error>

namespace rathole::embed::inline RATHOLE_ABI {

struct datagram_listener_body;

/// An owner of the implementation of a `datagram_listener`.
using datagram_listener_pointer = std::shared_ptr<datagram_listener_body>;

// Unless they say otherwise, these functions may be called by any thread.

/// Returns where `of` lives.
RATHOLE_DECL io::executor home_of(const datagram_listener_pointer& of);
/// Returns the executor of handlers that have none.
RATHOLE_DECL const asio::any_io_executor& fallback_of(const datagram_listener_pointer& of);
/// Returns the name of the service.
RATHOLE_DECL const std::string& service_of(const datagram_listener_pointer& of);
/// Receives a datagram; see `datagram_listener::async_receive_from`. Must be called where it lives.
RATHOLE_DECL void receive_from(const datagram_listener_pointer& from, take_function take,
                               completion<std::size_t> done, const cancellation_pointer& cancel);
/// Sends a datagram; see `datagram_listener::async_send_to`. Must be called where it lives.
RATHOLE_DECL void send_to(const datagram_listener_pointer& through, const ip_endpoint& to,
                          const outgoing& payload, completion<std::size_t> done);
/// Closes the listener; see `datagram_listener::close`.
RATHOLE_DECL void close(const datagram_listener_pointer& what);
/// Returns what the listener has done.
RATHOLE_DECL datagram_stats stats_of(const datagram_listener_pointer& what);
/// Returns the text of an error; see `datagram_listener::explain`.
RATHOLE_DECL std::string explain(const datagram_listener_pointer& what, std::error_code ec);

}  // namespace rathole::embed::inline RATHOLE_ABI
