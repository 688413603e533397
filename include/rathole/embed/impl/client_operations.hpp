#pragma once

#include <rathole/core/error.hpp>
#include <rathole/embed/client_core.hpp>
#include <rathole/embed/client_operations.hpp>
#include <rathole/embed/end_core.hpp>
#include <rathole/embed/home.hpp>
#include <rathole/embed/impl/to_public_error.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/embed/service_bodies.hpp>
#include <rathole/stream.hpp>
#include <rathole/version.hpp>

#include <asio/post.hpp>

#include <memory>
#include <string>
#include <system_error>
#include <utility>

namespace rathole::embed::inline RATHOLE_ABI {

RATHOLE_DECL client_pointer make_client(asio::io_context& context, config::client settings,
                                        std::unique_ptr<client_sink> events) {
  return make_end<client_core>(std::make_shared<home>(context), std::move(settings),
                               std::move(events));
}
RATHOLE_DECL client_pointer make_client(asio::any_io_executor fallback, config::client settings,
                                        std::unique_ptr<client_sink> events) {
  return make_end<client_core>(std::make_shared<home>(std::move(fallback)), std::move(settings),
                               std::move(events));
}

RATHOLE_DECL io::executor home_of(const listener_pointer& of) {
  return of->client->home_executor();
}
RATHOLE_DECL const asio::any_io_executor& fallback_of(const listener_pointer& of) {
  return of->client->fallback_executor();
}
RATHOLE_DECL const std::string& service_of(const listener_pointer& of) { return of->service; }

RATHOLE_DECL void accept(const listener_pointer& from, completion<stream> done,
                         const cancellation_pointer& cancel) {
  auto accepted = [from, done = std::move(done)](std::error_code ec,
                                                 stream_pointer visitor) mutable {
    if (ec) return done(detail::to_public_error(ec), stream());
    auto body = with_home(from->client->where(), std::move(visitor));
    done({}, stream(std::move(body), fallback_of(from), from->service));
  };
  from->core->accept(std::move(accepted), cancel);
}

RATHOLE_DECL void drain(const listener_pointer& what, duration timeout, completion<> done) {
  what->core->close(errc::stopped);
  what->client->stop_serving(*what);
  what->core->drain(timeout, std::move(done));
}
RATHOLE_DECL void close(const listener_pointer& what) {
  asio::post(home_of(what), [what] {
    what->core->close(errc::stopped);
    what->client->stop_serving(*what);
  });
}
RATHOLE_DECL void shutdown(const listener_pointer& what) {
  close(what);
  asio::post(home_of(what), [what] { what->core->abort_all(); });
}
RATHOLE_DECL listener_stats stats_of(const listener_pointer& what) { return what->core->stats(); }
RATHOLE_DECL std::string explain(const listener_pointer& what, std::error_code ec) {
  return what->problems.explain(ec);
}

RATHOLE_DECL io::executor home_of(const forwarding_pointer& of) {
  return of->client->home_executor();
}
RATHOLE_DECL const asio::any_io_executor& fallback_of(const forwarding_pointer& of) {
  return of->client->fallback_executor();
}
RATHOLE_DECL const std::string& service_of(const forwarding_pointer& of) { return of->service; }

RATHOLE_DECL void wait_added(const forwarding_pointer& what, completion<> done) {
  if (what->added) return done(*what->added);
  what->waiting.push_back(std::move(done));
}
RATHOLE_DECL void retarget(const forwarding_pointer& what, address local, completion<> done) {
  what->client->retarget(what, std::move(local), std::move(done));
}
RATHOLE_DECL void close(const forwarding_pointer& what) {
  asio::post(home_of(what),
             [what] { what->client->remove(what->service, what->id, [](std::error_code) {}); });
}
RATHOLE_DECL std::string explain(const forwarding_pointer& what, std::error_code ec) {
  return what->problems.explain(ec);
}

}  // namespace rathole::embed::inline RATHOLE_ABI
