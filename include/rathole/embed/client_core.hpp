#pragma once

#include <rathole/client/datagram_receiver.hpp>
#include <rathole/client/stream_receiver.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/time.hpp>
#include <rathole/embed/client_operations.hpp>
#include <rathole/embed/context_end.hpp>
#include <rathole/embed/datagram_listener_core.hpp>
#include <rathole/embed/end_core.hpp>
#include <rathole/embed/event_sink.hpp>
#include <rathole/embed/home.hpp>
#include <rathole/embed/instance.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/embed/service_bodies.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/version.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

namespace rathole::embed::inline RATHOLE_ABI {

/// What serves a service in the program.
using any_receiver = std::variant<std::shared_ptr<client_side::stream_receiver>,
                                  std::shared_ptr<client_side::datagram_receiver>>;

/// The implementation of a `rathole::client`; see `end_core`.
class client_core final : public end_core<client_interface, client_sink> {
 public:
  /// Makes a client that has not started. It reports events to `events`.
  client_core(std::shared_ptr<home> where, config::client settings,
              std::unique_ptr<client_sink> events)
      : end_core(std::move(where), std::move(settings), std::move(events)) {}

  listener_pointer listen(config::client_service service, std::size_t backlog,
                          duration accept_timeout) override {
    const io::asio_runtime runtime(where()->context());
    const auto core = make_context_member<listener_body::core_type>(where()->context(), runtime,
                                                                    backlog, accept_timeout);
    return begin_serving<listener_body>(std::move(service), core);
  }

  datagram_listener_pointer listen_datagrams(config::client_service service,
                                             std::size_t backlog) override {
    service.kind = config::service_kind::udp;
    const auto core = make_context_member<datagram_listener_core>(where()->context(), backlog);
    return begin_serving<datagram_listener_body>(std::move(service), core);
  }

  forwarding_pointer forward(config::client_service service) override {
    const auto made =
        make_context_member<forwarding_body>(where()->context(), self(), service.name);
    post([this, made, service = std::move(service)]() mutable {
      add(std::move(service), made->id, [this, made](std::error_code ec) {
        note_failure(ec, made->problems);
        made->added = ec;
        for (auto& each : std::exchange(made->waiting, {})) each(ec);
      });
    });
    return made;
  }

  /// Changes the local service of `what` to `local`.
  void retarget(const forwarding_pointer& what, address local, completion<> done) {
    auto edit = [local = std::move(local)](config::client_service& service) {
      service.local_addr = local;
    };
    auto changed = [this, what, done = std::move(done)](std::error_code ec) mutable {
      note_failure(ec, what->problems);
      done(ec);
    };
    change(what->service, what->id, std::move(edit), std::move(changed));
  }

  /// Adds the service of `body`, a `listener_body` or `datagram_listener_body`. If the client cannot
  /// have it, its core is closed with the reason.
  template <class Body>
  void serve(config::client_service service, const std::shared_ptr<Body>& body) {
    const bool is_new = receivers_.emplace(service.name, body->core).second;
    if (is_new && running()) running()->receive(service.name, body->core);
    add(std::move(service), body->id, [this, is_new, body](std::error_code ec) {
      if (!ec) return;
      note_failure(ec, body->problems);
      if (is_new) forget(body->service);
      body->core->close(ec);
    });
  }

  /// Removes the service of `body`, a `listener_body` or `datagram_listener_body`, if it has one.
  template <class Body>
  void stop_serving(const Body& body) {
    const auto at = receivers_.find(body.service);
    if (at == receivers_.end() || at->second != any_receiver(body.core)) return;
    forget(body.service);
    remove(body.service, body.id, [](std::error_code) {});
  }

 private:
  [[nodiscard]] std::shared_ptr<client_core> self() {
    return std::static_pointer_cast<client_core>(shared_from_this());
  }

  /// Returns the body of a listener whose service `core` serves soon.
  template <class Body, class Core>
  std::shared_ptr<Body> begin_serving(config::client_service service,
                                      const std::shared_ptr<Core>& core) {
    service.in_process = true;
    const auto made = std::make_shared<Body>(self(), service.name, core);
    post([this, made, service = std::move(service)]() mutable { serve(std::move(service), made); });
    return made;
  }

  void prepare_instance(instance<config::client>& next) override {
    for (const auto& [name, receiver] : receivers_) {
      std::visit([&](const auto& each) { next.receive(name, each); }, receiver);
    }
  }

  void has_ended(std::error_code reason) override {
    const std::error_code why = reason ? reason : make_error_code(errc::stopped);
    for (const auto& [name, receiver] : std::exchange(receivers_, {})) {
      std::visit([&](const auto& each) { each->close(why); }, receiver);
    }
  }

  void forget(const std::string& name) {
    const auto gone = receivers_.extract(name);
    if (gone.empty() || !running()) return;
    const auto receive_nothing = [&]<class Receiver>(const std::shared_ptr<Receiver>&) {
      running()->receive(name, std::shared_ptr<Receiver>());
    };
    std::visit(receive_nothing, gone.mapped());
  }

  std::map<std::string, any_receiver> receivers_;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
