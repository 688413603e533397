#pragma once

#include <rathole/client/service_runner.hpp>
#include <rathole/config/types.hpp>
#include <rathole/transport/socket_options.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace rathole::client_side {

/// Starts to serve a service.
template <class Context>
void start_service(const std::shared_ptr<Context>& self, const config::client_service& service) {
  const auto runner = std::make_shared<service_runner<Context>>(self, service);
  self->services[service.name] = runner;
  self->group.spawn(service_runner<Context>::run(runner));
}

/// Applies new settings; see `basic_client::update`. Services that wait between two attempts try at
/// once.
template <class Context>
void update(const std::shared_ptr<Context>& self, config::client next) {
  self->settings.store(std::move(next));
  const auto settings = self->settings.load();
  self->transport.set_options(transport::to_socket_options(*settings));
  if constexpr (transport::Multiplexing<typename Context::transport_type>) {
    self->transport.forget_refusals();
  }

  const auto runner_of = [&self](const std::string& name) {
    const auto found = self->services.find(name);
    return found == self->services.end() ? nullptr : found->second.lock();
  };
  // The running services are compared with the settings, so that the next update completes one in
  // which memory ran out.
  std::erase_if(self->services, [&settings](const auto& each) {
    const auto& [name, known] = each;
    const auto runner = known.lock();
    const auto wanted = std::ranges::find(settings->services, name, &config::client_service::name);
    const bool stays = runner && wanted != settings->services.end() && runner->serves(*wanted);
    if (runner && !stays) runner->stop();
    return !stays;
  });
  for (const auto& service : settings->services) {
    const auto runner = runner_of(service.name);
    if (!runner) {
      start_service(self, service);
      continue;
    }
    runner->update(service);
    runner->set_max_retries(settings->max_retries);
    runner->retry_now();
    runner->set_heartbeat_timeout(settings->heartbeat_timeout);
    runner->reconnect_if_moved(settings->remote_addr);
  }
}

}  // namespace rathole::client_side
