#pragma once

#include <rathole/config/diff.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/result.hpp>
#include <rathole/io/task.hpp>
#include <rathole/protocol/authenticate.hpp>
#include <rathole/server/descriptors.hpp>
#include <rathole/server/open_listeners.hpp>
#include <rathole/server/run_session.hpp>
#include <rathole/transport/socket_options.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::server_side {

/// Makes a service known to clients.
template <class Context>
void add_service(Context& self, const config::server_service& service) {
  self.registry.insert(protocol::service_digest(service.name),
                       std::make_shared<const config::server_service>(service));
}

/// Removes a service and closes its control channels; active connections continue.
template <class Context>
void remove_service(Context& self, const std::string& name) {
  for (const auto& each : self.registry.erase(protocol::service_digest(name))) {
    if (const auto running = each.lock()) running->close(make_error_code(errc::stopped));
  }
}

/// Applies new settings; see `basic_server::async_update`.
template <class Context>
io::task<void> update(std::shared_ptr<Context> self, config::server next) {
  if (const std::error_code ec = self->settings_error(next)) co_return failure(ec);
  const auto settings = std::make_shared<const config::server>(std::move(next));
  const auto opened = co_await open_listeners(self, settings);
  if (!opened) co_return failure(opened.error());
  self->settings = settings;
  self->transport.set_options(transport::to_socket_options(settings->transport.tcp));
  self->admission->set_limits(self->admission_limits(), settings->handshake_timeout);

  // The existing services are compared with the settings, so that the next update completes one in
  // which memory ran out.
  std::vector<std::string> gone;
  self->registry.for_each([&](const auto&, const auto& known, const auto) {
    const auto wanted =
        std::ranges::find(settings->services, known->name, &config::server_service::name);
    const bool stays = wanted != settings->services.end() && config::same_service(*known, *wanted);
    if (!stays) gone.push_back(known->name);
  });
  for (const std::string& name : gone) remove_service(*self, name);
  const auto is_gone = [&settings](const auto& each) {
    return std::ranges::find(settings->services, each.first, &config::server_service::name) ==
           settings->services.end();
  };
  std::erase_if(self->visitor_counts, is_gone);
  std::erase_if(self->bandwidths, is_gone);
  std::erase_if(self->conflict_reports, is_gone);
  for (const auto& service : settings->services) {
    const auto shared = self->bandwidths.find(service.name);
    if (shared != self->bandwidths.end()) shared->second->set(service.bandwidth);
  }
  for (const auto& service : settings->services) {
    const auto key = protocol::service_digest(service.name);
    auto* const known = self->registry.find_service(key);
    if (!known) {
      add_service(*self, service);
    } else if (**known != service) {
      *known = std::make_shared<const config::server_service>(service);
    }
  }
  for (const auto& service : settings->services) {
    if (service.on_conflict != config::conflict_policy::balance) replace_sessions(*self, service);
  }
  const auto sessions = sessions_of(*self);
  // Services may exchange ports, so all give up theirs before any gets a new one. A TCP service
  // binds a new one only after this call.
  for (const auto& session : sessions) {
    const auto* const known =
        self->registry.find_service(protocol::service_digest(session->service()->name));
    if (!known) continue;
    auto closing = control_session<Context>::close_removed_udp(session, *known);
    co_await std::move(closing);
  }
  for (const auto& session : sessions) {
    const auto key = protocol::service_digest(session->service()->name);
    if (const auto* known = self->registry.find_service(key)) session->update(*known);
  }
  co_return result<void>{};
}

}  // namespace rathole::server_side
