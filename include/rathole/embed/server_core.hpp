#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/embed/end_core.hpp>
#include <rathole/embed/event_sink.hpp>
#include <rathole/embed/home.hpp>
#include <rathole/embed/hook_gate.hpp>
#include <rathole/embed/impl/to_public_error.hpp>
#include <rathole/embed/instance.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/embed/server_operations.hpp>
#include <rathole/server/connect_request.hpp>
#include <rathole/server/hooks.hpp>
#include <rathole/server/listening_addresses.hpp>
#include <rathole/stream.hpp>
#include <rathole/version.hpp>

#include <asio/cancellation_type.hpp>

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

/// The implementation of a `rathole::server`; see `end_core`.
class server_core final : public end_core<server_interface, server_sink> {
 public:
  /// Makes a server that has not started. It reports events to `events`.
  server_core(std::shared_ptr<home> where, config::server settings,
              std::unique_ptr<server_sink> events)
      : end_core(std::move(where), std::move(settings), std::move(events)) {}

  void post_use(server_side::server_hooks hooks) override {
    // In a shared pointer, because the hooks can only be moved.
    auto shared =
        std::make_shared<server_side::server_hooks>(hook_gate::guard(gate_, std::move(hooks)));
    post([this, shared = std::move(shared)] { *hooks_ = std::move(*shared); });
  }

  void abandon() override {
    gate_->close();
    end_core::abandon();
  }

  [[nodiscard]] std::vector<address> addresses(
      std::optional<std::string_view> service) const override {
    return addresses_->of(service);
  }

  void connect(const std::string& service, completion<stream> done,
               const cancellation_pointer& cancel) override {
    if (!running()) return done(errc::service_not_exist, stream());
    const std::stop_source stop;
    if (cancel) {
      cancel->action = [stop](asio::cancellation_type) mutable { stop.request_stop(); };
    }
    auto connected = [where = where(), service,
                      done = std::move(done)](server_side::connected_stream made) mutable {
      if (!made) return done(detail::to_public_error(made.error()), stream());
      done({}, stream(with_home(where, std::move(*made)), where->fallback(), service));
    };
    running()->connect(service, stop.get_token(), std::move(connected));
  }

 private:
  void prepare_instance(instance<config::server>& next) override {
    next.use(hooks_);
    next.list_addresses_in(addresses_);
  }

  const std::shared_ptr<hook_gate> gate_ = std::make_shared<hook_gate>();
  // The instances of several transports share these.
  const std::shared_ptr<server_side::server_hooks> hooks_ =
      std::make_shared<server_side::server_hooks>();
  const std::shared_ptr<server_side::listening_addresses> addresses_ =
      std::make_shared<server_side::listening_addresses>();
};

}  // namespace rathole::embed::inline RATHOLE_ABI
