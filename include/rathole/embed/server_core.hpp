#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/result.hpp>
#include <rathole/embed/end_core.hpp>
#include <rathole/embed/event_sink.hpp>
#include <rathole/embed/home.hpp>
#include <rathole/embed/instance.hpp>
#include <rathole/server/connect_request.hpp>
#include <rathole/server/hooks.hpp>
#include <rathole/version.hpp>

#include <memory>
#include <stop_token>
#include <string>
#include <utility>

namespace rathole::embed::inline RATHOLE_ABI {

/// What stands behind a `rathole::server`; see `end_core`.
class server_core final : public end_core<config::server, server_sink> {
 public:
  /// Makes a server that has not started. It reports events to `events`.
  server_core(std::shared_ptr<home> where, config::server settings,
              std::unique_ptr<server_sink> events)
      : end_core(std::move(where), std::move(settings), std::move(events)) {}

  /// Uses `hooks`; must be called before `run`.
  void use(server_side::server_hooks hooks) {
    hooks_ = std::make_shared<server_side::server_hooks>(std::move(hooks));
  }

  /// Connects the program with a service; see `server_side::basic_server::connect`.
  void connect(const std::string& service, std::stop_token cancel,
               server_side::connect_completion done) {
    if (!running()) return done(failure(errc::service_not_exist));
    running()->connect(service, std::move(cancel), std::move(done));
  }

 private:
  void prepare_instance(instance<config::server>& next) override {
    if (hooks_) next.use(hooks_);
  }

  /// The instances of several transports share them.
  std::shared_ptr<server_side::server_hooks> hooks_;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
