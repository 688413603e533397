#pragma once

#include <rathole/core/error.hpp>
#include <rathole/embed/client_core.hpp>
#include <rathole/embed/client_operations.hpp>
#include <rathole/embed/context_end.hpp>
#include <rathole/embed/home.hpp>
#include <rathole/embed/impl/to_outside.hpp>
#include <rathole/embed/listener_core.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/time/asio_timer.hpp>
#include <rathole/stream.hpp>
#include <rathole/version.hpp>

#include <asio/error.hpp>
#include <asio/post.hpp>

#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

/// What stands behind a `listener`.
struct listener_body {
  /// The type of the core.
  using core_type = listener_core<io::asio_runtime>;

  /// The client.
  client_pointer client;
  /// The name of the service.
  std::string service;
  /// The visitors.
  std::shared_ptr<core_type> core;
};

/// What stands behind a `forwarding`.
struct forwarding_body {
  /// The client.
  client_pointer client;
  /// The name of the service.
  std::string service;
  /// Whether and how the attempt to add the service has ended.
  std::optional<std::error_code> added = {};
  /// What waits for that.
  std::vector<completion<>> waiting = {};
};

namespace detail {

/// Makes what stands behind a client that lives at `where`.
inline client_pointer make_client_in(std::shared_ptr<home> where, config::client settings,
                                     std::unique_ptr<client_sink> events) {
  asio::io_context& context = where->context();
  const auto made =
      std::make_shared<client_core>(std::move(where), std::move(settings), std::move(events));
  context_end::add(context, made);
  return made;
}

}  // namespace detail

RATHOLE_DECL client_pointer make_client(asio::io_context& context, config::client settings,
                                        std::unique_ptr<client_sink> events) {
  return detail::make_client_in(std::make_shared<home>(context), std::move(settings),
                                std::move(events));
}
RATHOLE_DECL client_pointer make_client(asio::any_io_executor fallback, config::client settings,
                                        std::unique_ptr<client_sink> events) {
  return detail::make_client_in(std::make_shared<home>(std::move(fallback)), std::move(settings),
                                std::move(events));
}

RATHOLE_DECL io::executor home_of(const client_pointer& of) { return of->where()->get_executor(); }
RATHOLE_DECL const asio::any_io_executor& fallback_of(const client_pointer& of) {
  return of->where()->fallback();
}

RATHOLE_DECL void run(const client_pointer& what, completion<> done,
                      const cancellation_pointer& cancel) {
  what->run(std::move(done), cancel);
}
RATHOLE_DECL void update(const client_pointer& what, config::client next, completion<> done) {
  what->update(std::move(next), std::move(done));
}
RATHOLE_DECL void drain(const client_pointer& what, duration timeout, completion<> done) {
  what->drain(timeout, std::move(done));
}
RATHOLE_DECL void close(const client_pointer& what) {
  asio::post(home_of(what), [what] { what->close(); });
}
RATHOLE_DECL void shutdown(const client_pointer& what) {
  asio::post(home_of(what), [what] { what->shutdown(); });
}
RATHOLE_DECL std::vector<config::problem> problems_of(const client_pointer& what) {
  return what->problems();
}

RATHOLE_DECL listener_pointer listen(const client_pointer& what, config::client_service service,
                                     std::size_t backlog, duration accept_timeout) {
  service.in_process = true;
  const io::asio_runtime runtime(what->where()->context());
  auto core = std::make_shared<listener_body::core_type>(runtime, backlog, accept_timeout);
  const auto made = std::make_shared<listener_body>(what, service.name, core);
  asio::post(home_of(what), [what, core, service = std::move(service)]() mutable {
    what->serve(std::move(service), core);
  });
  return made;
}

RATHOLE_DECL forwarding_pointer forward(const client_pointer& what,
                                        config::client_service service) {
  const auto made = std::make_shared<forwarding_body>(what, service.name);
  asio::post(home_of(what), [what, made, service = std::move(service)]() mutable {
    what->add(std::move(service), [made](std::error_code ec) {
      made->added = ec;
      for (auto& each : std::exchange(made->waiting, {})) each(ec);
    });
  });
  return made;
}

RATHOLE_DECL io::executor home_of(const listener_pointer& of) { return home_of(of->client); }
RATHOLE_DECL const asio::any_io_executor& fallback_of(const listener_pointer& of) {
  return fallback_of(of->client);
}
RATHOLE_DECL const std::string& service_of(const listener_pointer& of) { return of->service; }

RATHOLE_DECL void accept(const listener_pointer& from, completion<stream> done,
                         const cancellation_pointer& cancel) {
  auto accepted = [from, done = std::move(done)](std::error_code ec,
                                                 stream_pointer visitor) mutable {
    if (ec) return done(detail::to_outside(ec), stream());
    done({}, stream(std::move(visitor), fallback_of(from), from->service));
  };
  from->core->accept(std::move(accepted), cancel);
}

RATHOLE_DECL void drain(const listener_pointer& what, duration timeout, completion<> done) {
  what->core->close(errc::stopped);
  what->client->stop_serving(what->service, what->core);
  what->core->drain(timeout, std::move(done));
}
RATHOLE_DECL void close(const listener_pointer& what) {
  asio::post(home_of(what), [what] {
    what->core->close(errc::stopped);
    what->client->stop_serving(what->service, what->core);
  });
}
RATHOLE_DECL void shutdown(const listener_pointer& what) {
  close(what);
  asio::post(home_of(what), [what] { what->core->abort_all(); });
}
RATHOLE_DECL listener_stats stats_of(const listener_pointer& what) { return what->core->stats(); }

RATHOLE_DECL io::executor home_of(const forwarding_pointer& of) { return home_of(of->client); }
RATHOLE_DECL const asio::any_io_executor& fallback_of(const forwarding_pointer& of) {
  return fallback_of(of->client);
}
RATHOLE_DECL const std::string& service_of(const forwarding_pointer& of) { return of->service; }

RATHOLE_DECL void wait_added(const forwarding_pointer& what, completion<> done) {
  if (what->added) return done(*what->added);
  what->waiting.push_back(std::move(done));
}
RATHOLE_DECL void retarget(const forwarding_pointer& what, address local, completion<> done) {
  auto edit = [local = std::move(local)](config::client_service& service) {
    service.local_addr = local;
  };
  what->client->change(what->service, std::move(edit), std::move(done));
}
RATHOLE_DECL void close(const forwarding_pointer& what) {
  asio::post(home_of(what),
             [what] { what->client->remove(what->service, [](std::error_code) {}); });
}

}  // namespace rathole::embed::inline RATHOLE_ABI
