#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/error.hpp>
#include <rathole/embed/client_core.hpp>
#include <rathole/embed/datagram_operations.hpp>
#include <rathole/embed/impl/to_public_error.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/embed/service_bodies.hpp>
#include <rathole/version.hpp>

#include <asio/post.hpp>

#include <cstddef>
#include <string>
#include <system_error>
#include <utility>

namespace rathole::embed::inline RATHOLE_ABI {

namespace detail {

/// Returns a completion that passes errors of the library to `done` as an outside caller sees them.
inline completion<std::size_t> with_public_errors(completion<std::size_t> done) {
  return [done = std::move(done)](std::error_code ec, std::size_t size) mutable {
    done(to_public_error(ec), size);
  };
}

}  // namespace detail

RATHOLE_DECL io::executor home_of(const datagram_listener_pointer& of) {
  return of->client->home_executor();
}
RATHOLE_DECL const asio::any_io_executor& fallback_of(const datagram_listener_pointer& of) {
  return of->client->fallback_executor();
}
RATHOLE_DECL const std::string& service_of(const datagram_listener_pointer& of) {
  return of->service;
}

RATHOLE_DECL void receive_from(const datagram_listener_pointer& from, take_function take,
                               completion<std::size_t> done, const cancellation_pointer& cancel) {
  from->core->receive_from(std::move(take), detail::with_public_errors(std::move(done)), cancel);
}
RATHOLE_DECL void send_to(const datagram_listener_pointer& through, const ip_endpoint& to,
                          const outgoing& payload, completion<std::size_t> done) {
  const byte_view bytes = payload.copy.empty() ? byte_view(payload.bytes) : byte_view(payload.copy);
  through->core->send_to(to, bytes, detail::with_public_errors(std::move(done)));
}
RATHOLE_DECL void close(const datagram_listener_pointer& what) {
  asio::post(home_of(what), [what] {
    what->core->close(errc::stopped);
    what->client->stop_serving(*what);
  });
}
RATHOLE_DECL datagram_stats stats_of(const datagram_listener_pointer& what) {
  return what->core->stats();
}
RATHOLE_DECL std::string explain(const datagram_listener_pointer& what, std::error_code ec) {
  return what->problems.explain(ec);
}

}  // namespace rathole::embed::inline RATHOLE_ABI
