#pragma once

#include <rathole/client/stream_receiver.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/error.hpp>
#include <rathole/embed/end_core.hpp>
#include <rathole/embed/event_sink.hpp>
#include <rathole/embed/home.hpp>
#include <rathole/embed/instance.hpp>
#include <rathole/version.hpp>

#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

namespace rathole::embed::inline RATHOLE_ABI {

/// What stands behind a `rathole::client`; see `end_core`.
class client_core final : public end_core<config::client, client_sink> {
 public:
  /// Makes a client that has not started. It reports events to `events`.
  client_core(std::shared_ptr<home> where, config::client settings,
              std::unique_ptr<client_sink> events)
      : end_core(std::move(where), std::move(settings), std::move(events)) {}

  /// Adds a service that `receiver` serves. If the client cannot have it, `receiver` is closed with
  /// the reason.
  void serve(config::client_service service,
             const std::shared_ptr<client_side::stream_receiver>& receiver) {
    const std::string name = service.name;
    if (receivers_.contains(name)) {
      return add(std::move(service), [receiver](std::error_code ec) { receiver->close(ec); });
    }
    receivers_[name] = receiver;
    if (running()) running()->receive(name, receiver);
    add(std::move(service), [self = shared_from_this(), this, name, receiver](std::error_code ec) {
      if (!ec) return;
      forget(name);
      receiver->close(ec);
    });
  }

  /// Removes a service that was added by `serve`.
  void stop_serving(const std::string& name) {
    forget(name);
    remove(name, [](std::error_code) {});
  }

 private:
  void prepare_instance(instance<config::client>& next) override {
    for (const auto& [name, receiver] : receivers_) next.receive(name, receiver);
  }

  void has_ended(std::error_code reason) override {
    const std::error_code why = reason ? reason : make_error_code(errc::stopped);
    for (const auto& [name, receiver] : std::exchange(receivers_, {})) receiver->close(why);
  }

  void forget(const std::string& name) {
    receivers_.erase(name);
    if (running()) running()->receive(name, nullptr);
  }

  std::map<std::string, std::shared_ptr<client_side::stream_receiver>> receivers_;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
