#pragma once

#include <rathole/embed/context_end.hpp>
#include <rathole/embed/home.hpp>
#include <rathole/embed/impl/to_outside.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/embed/server_core.hpp>
#include <rathole/embed/server_operations.hpp>
#include <rathole/server/connect_request.hpp>
#include <rathole/server/hooks.hpp>
#include <rathole/stream.hpp>
#include <rathole/version.hpp>

#include <asio/cancellation_type.hpp>
#include <asio/post.hpp>

#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

namespace detail {

/// Makes what stands behind a server that lives at `where`.
inline server_pointer make_server_in(std::shared_ptr<home> where, config::server settings,
                                     std::unique_ptr<server_sink> events) {
  asio::io_context& context = where->context();
  const auto made =
      std::make_shared<server_core>(std::move(where), std::move(settings), std::move(events));
  context_end::add(context, made);
  return made;
}

}  // namespace detail

RATHOLE_DECL server_pointer make_server(asio::io_context& context, config::server settings,
                                        std::unique_ptr<server_sink> events) {
  return detail::make_server_in(std::make_shared<home>(context), std::move(settings),
                                std::move(events));
}
RATHOLE_DECL server_pointer make_server(asio::any_io_executor fallback, config::server settings,
                                        std::unique_ptr<server_sink> events) {
  return detail::make_server_in(std::make_shared<home>(std::move(fallback)), std::move(settings),
                                std::move(events));
}

RATHOLE_DECL io::executor home_of(const server_pointer& of) { return of->where()->get_executor(); }
RATHOLE_DECL const asio::any_io_executor& fallback_of(const server_pointer& of) {
  return of->where()->fallback();
}

RATHOLE_DECL void run(const server_pointer& what, completion<> done,
                      const cancellation_pointer& cancel) {
  what->run(std::move(done), cancel);
}
RATHOLE_DECL void update(const server_pointer& what, config::server next, completion<> done) {
  what->update(std::move(next), std::move(done));
}
RATHOLE_DECL void drain(const server_pointer& what, duration timeout, completion<> done) {
  what->drain(timeout, std::move(done));
}
RATHOLE_DECL void add(const server_pointer& what, config::server_service service,
                      completion<> done) {
  what->add(std::move(service), std::move(done));
}
RATHOLE_DECL void remove(const server_pointer& what, const std::string& service,
                         completion<> done) {
  what->remove(service, std::move(done));
}
RATHOLE_DECL void connect(const server_pointer& what, const std::string& service,
                          completion<stream> done, const cancellation_pointer& cancel) {
  const std::stop_source stop;
  if (cancel) {
    cancel->action = [stop](asio::cancellation_type) mutable { stop.request_stop(); };
  }
  auto connected = [what, service,
                    done = std::move(done)](server_side::connected_stream made) mutable {
    if (!made) return done(detail::to_outside(made.error()), stream());
    done({}, stream(std::move(*made), fallback_of(what), service));
  };
  what->connect(service, stop.get_token(), std::move(connected));
}
RATHOLE_DECL void use(const server_pointer& what, server_side::server_hooks hooks) {
  // In a shared pointer, because the hooks can only be moved.
  const auto moved = std::make_shared<server_side::server_hooks>(std::move(hooks));
  asio::post(home_of(what), [what, moved] { what->use(std::move(*moved)); });
}
RATHOLE_DECL void close(const server_pointer& what) {
  asio::post(home_of(what), [what] { what->close(); });
}
RATHOLE_DECL void shutdown(const server_pointer& what) {
  asio::post(home_of(what), [what] { what->shutdown(); });
}
RATHOLE_DECL std::vector<config::problem> problems_of(const server_pointer& what) {
  return what->problems();
}

}  // namespace rathole::embed::inline RATHOLE_ABI
