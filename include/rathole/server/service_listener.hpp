#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/core/backoff.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/no_descriptor.hpp>
#include <rathole/io/retry_on_bad_alloc.hpp>
#include <rathole/io/stream/accept_loop.hpp>
#include <rathole/io/task.hpp>
#include <rathole/io/time/alarm.hpp>
#include <rathole/protocol/descriptor_budget.hpp>
#include <rathole/server/admit_proxied_visitor.hpp>
#include <rathole/server/admit_visitor.hpp>
#include <rathole/server/descriptors.hpp>
#include <rathole/server/events.hpp>
#include <rathole/transport/socket_options.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::server_side {

/// The pauses between attempts to bind a service's port, and before an accept after an error.
/// Compat: upstream's values.
inline constexpr backoff_parameters service_listener_backoff{std::chrono::milliseconds(500), 0.5,
                                                             1.5, std::chrono::seconds(1)};

/// Counts the descriptor of a listener for visitors, from before its socket is opened until it is
/// closed. It is used on the control plane.
class listener_descriptor {
 public:
  /// Makes an object that counts nothing in `budget`, which must outlive it.
  explicit listener_descriptor(protocol::descriptor_budget& budget) : budget_(budget) {}

  /// Counts the descriptor unless it is counted already; returns false if there is none for it.
  [[nodiscard]] bool take() {
    if (!held_) held_ = budget_.claim_fixed(1);
    return held_.has_value();
  }
  /// Stops counting it.
  void release() { held_.reset(); }

 private:
  protocol::descriptor_budget& budget_;
  std::optional<protocol::descriptor_lease> held_;
};

/// Listens at `where` if there is a descriptor for it, which `held` then counts. Fails with EMFILE or
/// with the error of the runtime.
template <class Context>
io::task<typename Context::runtime_type::acceptor> try_listen(
    std::shared_ptr<Context> context, address where, io::socket_options options,
    std::shared_ptr<listener_descriptor> held, std::stop_token stop) {
  update_limit(*context);
  if (!held->take()) co_return failure(no_descriptor());
  auto acceptor = co_await context->runtime().listen(where, options, stop);
  if (!acceptor) held->release();
  co_return acceptor;
}

/// Binds an address of a service, and retries until it succeeds; `held` then counts its descriptor.
/// Returns nothing if `stop` was requested before, or if the address is left out (see
/// `address_left_out`).
template <class Context>
io::awaitable<std::optional<typename Context::runtime_type::acceptor>> bind_service(
    std::shared_ptr<Context> context, std::shared_ptr<const config::server_service> service,
    address where, std::shared_ptr<listener_descriptor> held, std::stop_token stop) {
  auto& runtime = context->runtime();
  backoff retry(service_listener_backoff);
  std::error_code cause;
  const io::socket_options options = transport::to_traffic_options(context->settings->transport.tcp,
                                                                   service->nodelay.value_or(true));
  for (;;) {
    auto acceptor = co_await try_listen(context, where, options, held, stop);
    if (stop.stop_requested()) co_return std::nullopt;
    const bool left_out = acceptor ? is_left_out(service->bind_addr, where, acceptor->local())
                                   : is_left_out(service->bind_addr, where, acceptor.error());
    if (acceptor && !left_out) co_return std::move(*acceptor);
    if (left_out) {
      acceptor = failure(errc::stopped);
      held->release();
      const address_left_out event{service->name, where};
      context->emit(event);
      co_return std::nullopt;
    }
    auto rng = runtime.rng();
    const auto pause = retry.next(rng);
    const bool repeated = std::exchange(cause, acceptor.error()) == acceptor.error();
    const service_bind_failed event{service->name, where, cause, pause, repeated};
    context->emit(event);
    co_await io::pause(runtime, pause, stop);
    if (stop.stop_requested()) co_return std::nullopt;
  }
}

/// Accepts visitors of the session's service at `where` until `stop` is requested; `held` counts the
/// descriptor of the listener.
template <class Session>
io::awaitable<void> listen_for_visitors(std::shared_ptr<Session> session, address where,
                                        std::shared_ptr<listener_descriptor> held,
                                        std::stop_token stop) {
  const auto context = session->shared_context();
  const auto service = session->service();
  auto acceptor = co_await bind_service(context, service, where, held, stop);
  if (!acceptor) co_return;
  const address& local = acceptor->local();
  const auto listed = context->addresses->add(service->name, local);
  const service_listening listening{service->name, local, replaced_by(local, where)};
  context->emit(listening);
  using visitor_type = typename Session::visitor_type;
  auto accepted = [&session, &context](auto stream) {
    if (expects_header(*session->service(), stream.peer())) {
      auto admitting = admit_proxied_visitor(session, std::move(stream));
      return context->group.spawn(std::move(admitting));
    }
    admit_visitor(*session, visitor_type(std::move(stream)));
  };
  auto failed = [&context, &service](std::error_code error, duration pause) {
    context->emit(accept_failed{service->name, error, pause});
  };
  auto free_descriptor = [&context] { return make_room(*context); };
  co_await io::accept_loop(context->runtime(), *acceptor, service_listener_backoff, stop,
                           std::move(accepted), std::move(failed), std::move(free_descriptor));
}

/// The listeners for the visitors of a TCP service.
class service_listeners {
 public:
  /// Listens for `session` on exactly the addresses in `wanted`; existing listeners are kept. Does
  /// nothing after `close`.
  template <class Session>
  void listen(const std::shared_ptr<Session>& session, const address_list& wanted) {
    if (closed_) return;
    std::erase_if(open_, [&](listener& each) {
      const bool goes = std::ranges::find(wanted, each.where) == wanted.end();
      if (goes) each.close();
      return goes;
    });
    for (const address& where : in_bind_order(wanted)) {
      const auto is_there = [&](const listener& each) { return each.where == where; };
      if (std::ranges::any_of(open_, is_there)) continue;
      open_.reserve(open_.size() + 1);
      const auto& context = session->shared_context();
      listener added{where, {}, std::make_shared<listener_descriptor>(context->descriptors)};
      // It is counted before the next client asks for a descriptor.
      static_cast<void>(added.descriptor->take());
      const auto listen = [session, where, held = added.descriptor,
                           stop = added.closing.get_token()] {
        return listen_for_visitors(session, where, held, stop);
      };
      auto work = io::retry_on_bad_alloc(context->runtime(), added.closing.get_token(), listen);
      context->group.spawn(std::move(work));
      open_.push_back(std::move(added));
    }
  }

  /// Closes the listeners whose addresses are not in `kept` but whose ports are in `needed`; the
  /// next `listen` may open them again. Returns whether there were any. Needs no memory.
  bool close_conflicting(const address_list& kept, const address_list& needed) {
    return std::erase_if(open_, [&](listener& each) {
             const bool stays = std::ranges::find(kept, each.where) != kept.end();
             const bool goes = !stays && has_port_of(needed, each.where);
             if (goes) each.close();
             return goes;
           }) > 0;
  }

  /// Closes all listeners permanently.
  void close() {
    closed_ = true;
    for (listener& each : open_) each.close();
    open_.clear();
  }

 private:
  struct listener {
    address where;
    std::stop_source closing;
    std::shared_ptr<listener_descriptor> descriptor;

    void close() {
      closing.request_stop();
      descriptor->release();
    }
  };

  std::vector<listener> open_;
  bool closed_ = false;
};

}  // namespace rathole::server_side
