#pragma once

#include <rathole/client/datagram_receiver.hpp>
#include <rathole/client/stream_receiver.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/time.hpp>
#include <rathole/embed/client_operations.hpp>
#include <rathole/embed/datagram_listener_core.hpp>
#include <rathole/embed/end_core.hpp>
#include <rathole/embed/event_sink.hpp>
#include <rathole/embed/home.hpp>
#include <rathole/embed/instance.hpp>
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
    const auto core = std::make_shared<listener_body::core_type>(runtime, backlog, accept_timeout);
    return begin_serving<listener_body>(std::move(service), core);
  }

  datagram_listener_pointer listen_datagrams(config::client_service service,
                                             std::size_t backlog) override {
    service.kind = config::service_kind::udp;
    const auto core = std::make_shared<datagram_listener_core>(backlog);
    return begin_serving<datagram_listener_body>(std::move(service), core);
  }

  forwarding_pointer forward(config::client_service service) override {
    const auto made = std::make_shared<forwarding_body>(self(), service.name);
    post([this, made, service = std::move(service)]() mutable {
      add(std::move(service), [made](std::error_code ec) {
        made->added = ec;
        for (auto& each : std::exchange(made->waiting, {})) each(ec);
      });
    });
    return made;
  }

  /// Adds a service that `receiver`, a `client_side::stream_receiver` or `datagram_receiver`, serves.
  /// If the client cannot have it, `receiver` is closed with the reason.
  template <class Receiver>
  void serve(config::client_service service, const std::shared_ptr<Receiver>& receiver) {
    const std::string name = service.name;
    if (receivers_.contains(name)) {
      return add(std::move(service), [receiver](std::error_code ec) { receiver->close(ec); });
    }
    receivers_.insert_or_assign(name, receiver);
    if (running()) running()->receive(name, receiver);
    add(std::move(service), [self = shared_from_this(), this, name, receiver](std::error_code ec) {
      if (!ec) return;
      forget(name);
      receiver->close(ec);
    });
  }

  /// Removes the service that `receiver` serves, if it still does.
  void stop_serving(const std::string& name, const any_receiver& receiver) {
    const auto at = receivers_.find(name);
    if (at == receivers_.end() || at->second != receiver) return;
    forget(name);
    remove(name, [](std::error_code) {});
  }

 private:
  [[nodiscard]] std::shared_ptr<client_core> self() {
    return std::static_pointer_cast<client_core>(shared_from_this());
  }

  /// Returns the body of a listener whose service `receiver` serves soon.
  template <class Body, class Receiver>
  std::shared_ptr<Body> begin_serving(config::client_service service,
                                      const std::shared_ptr<Receiver>& receiver) {
    service.in_process = true;
    const auto made = std::make_shared<Body>(self(), service.name, receiver);
    post([this, receiver, service = std::move(service)]() mutable {
      serve(std::move(service), receiver);
    });
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

  void drop_others() override {
    for (const auto& [name, receiver] : receivers_) {
      std::visit([](const auto& each) { each->drop_handlers(); }, receiver);
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
