#pragma once

#include <rathole/client/service_runner.hpp>
#include <rathole/client/uplink.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/transport/socket_options.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace rathole::client_side {

/// Returns the uplink in `from` whose current server is one of `servers`; the end if there is none.
template <class Uplinks>
auto find_uplink(Uplinks& from, const address_list& servers) {
  return std::ranges::find_if(from, [&servers](const auto& each) {
    return std::ranges::find(servers, each->choice.current()) != servers.end();
  });
}

/// Gives the client the uplinks of its settings. Those whose current server remains are kept; others
/// are used for new servers; and the services of those that are left over are stopped.
template <class Context>
void choose_uplinks(Context& self) {
  // What may fail for lack of memory comes before the first change.
  auto wanted = servers_of_uplinks(*self.settings.load());
  auto left = self.uplinks;
  std::vector<std::shared_ptr<uplink<Context>>> next(wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto found = find_uplink(left, wanted[i]);
    if (found == left.end()) continue;
    next[i] = *found;
    left.erase(found);
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (next[i]) continue;
    if (left.empty()) {
      next[i] = std::make_shared<uplink<Context>>(wanted[i]);
    } else {
      next[i] = left.back();
      left.pop_back();
    }
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) next[i]->choice.use(std::move(wanted[i]));
  self.uplinks = std::move(next);
  for (const auto& gone : left) {
    for (const auto& [name, known] : gone->services) {
      if (const auto runner = known.lock()) runner->stop();
    }
  }
}

/// Starts to serve the services of the settings that are not served yet.
template <class Context>
void start_services(const std::shared_ptr<Context>& self) {
  const auto settings = self->settings.load();
  if (self->uplinks.empty()) choose_uplinks(*self);
  for (const auto& through : self->uplinks) {
    for (const config::client_service& service : settings->services) {
      if (through->services.contains(service.name)) continue;
      const auto runner = std::make_shared<service_runner<Context>>(self, through, service);
      through->services[service.name] = runner;
      self->group.spawn(service_runner<Context>::run(runner));
    }
  }
}

/// Applies new settings; see `basic_client::update`. Services that wait between two attempts try at
/// once.
template <class Context>
void update(const std::shared_ptr<Context>& self, config::client next) {
  const auto before = self->settings.load();
  self->settings.store(std::move(next));
  const auto settings = self->settings.load();
  self->transport.set_options(transport::to_socket_options(*settings));
  if constexpr (transport::Multiplexing<typename Context::transport_type>) {
    self->transport.forget_refusals();
    const address_list& remain = settings->remote_addr;
    for (const address& each : before->remote_addr) {
      if (std::ranges::find(remain, each) == remain.end()) self->transport.leave(each);
    }
  }
  choose_uplinks(*self);

  // The running services are compared with the settings, so that the next update completes one in
  // which memory ran out.
  for (const auto& through : self->uplinks) {
    std::erase_if(through->services, [&](const auto& each) {
      const auto& [name, known] = each;
      const auto runner = known.lock();
      const auto wanted =
          std::ranges::find(settings->services, name, &config::client_service::name);
      const bool is_wanted = wanted != settings->services.end();
      if (runner && is_wanted && runner->serves(*wanted)) {
        runner->update(*wanted, *settings);
        return false;
      }
      if (runner) runner->stop();
      return true;
    });
  }
  start_services(self);
}

}  // namespace rathole::client_side
