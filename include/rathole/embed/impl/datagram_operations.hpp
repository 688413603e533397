#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/error.hpp>
#include <rathole/embed/client_core.hpp>
#include <rathole/embed/datagram_listener_core.hpp>
#include <rathole/embed/datagram_operations.hpp>
#include <rathole/embed/impl/to_outside.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/version.hpp>

#include <asio/post.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

namespace rathole::embed::inline RATHOLE_ABI {

/// What stands behind a `datagram_listener`.
struct datagram_listener_body {
  /// The client.
  std::shared_ptr<client_core> client;
  /// The name of the service.
  std::string service;
  /// The datagrams.
  std::shared_ptr<datagram_listener_core> core;
};

namespace detail {

/// Returns `done` for errors of the library.
inline completion<std::size_t> from_inside(completion<std::size_t> done) {
  return [done = std::move(done)](std::error_code ec, std::size_t size) mutable {
    done(to_outside(ec), size);
  };
}

}  // namespace detail

RATHOLE_DECL datagram_listener_pointer listen_datagrams(const std::shared_ptr<client_core>& what,
                                                        config::client_service service,
                                                        std::size_t backlog) {
  service.kind = config::service_kind::udp;
  service.in_process = true;
  auto core = std::make_shared<datagram_listener_core>(backlog);
  const auto made = std::make_shared<datagram_listener_body>(what, service.name, core);
  asio::post(what->where()->get_executor(), [what, core, service = std::move(service)]() mutable {
    what->serve(std::move(service), core);
  });
  return made;
}

RATHOLE_DECL io::executor home_of(const datagram_listener_pointer& of) {
  return of->client->where()->get_executor();
}
RATHOLE_DECL const asio::any_io_executor& fallback_of(const datagram_listener_pointer& of) {
  return of->client->where()->fallback();
}
RATHOLE_DECL const std::string& service_of(const datagram_listener_pointer& of) {
  return of->service;
}

RATHOLE_DECL void receive_from(const datagram_listener_pointer& from, take_function take,
                               completion<std::size_t> done, const cancellation_pointer& cancel) {
  from->core->receive_from(std::move(take), detail::from_inside(std::move(done)), cancel);
}
RATHOLE_DECL void send_to(const datagram_listener_pointer& through, const udp_endpoint& to,
                          const outgoing& payload, completion<std::size_t> done) {
  const byte_view bytes = payload.copy.empty() ? byte_view(payload.bytes) : byte_view(payload.copy);
  through->core->send_to(to, bytes, detail::from_inside(std::move(done)));
}
RATHOLE_DECL void close(const datagram_listener_pointer& what) {
  asio::post(home_of(what), [what] {
    what->core->close(errc::stopped);
    what->client->stop_serving(what->service, what->core);
  });
}
RATHOLE_DECL datagram_stats stats_of(const datagram_listener_pointer& what) {
  return what->core->stats();
}

}  // namespace rathole::embed::inline RATHOLE_ABI
