#pragma once

#include <rathole/client/health_checker.hpp>
#include <rathole/client/local_targets.hpp>
#include <rathole/client/report_target.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>

#include <memory>
#include <utility>

namespace rathole::client_side {

/// The local addresses of one TCP service, and the checks of their health. The control channels of the service
/// to all servers share it. It lives on the control plane; the checks end with it.
template <class Context>
class local_service {
 public:
  /// Begins with the settings `service`.
  local_service(std::shared_ptr<Context> context, config::client_service service)
      : service_(std::make_shared<const config::client_service>(std::move(service))),
        targets_(std::make_shared<local_targets>(*service_)),
        context_(std::move(context)),
        checker_(context_, targets_) {
    checker_.restart(service_);
  }

  /// Returns that of `service` in the client of `context`, with these settings; a new one if there is none.
  static std::shared_ptr<local_service> of(const std::shared_ptr<Context>& context,
                                           const config::client_service& service) {
    std::erase_if(context->local_services, [](const auto& each) { return each.second.expired(); });
    auto& known = context->local_services[service.name];
    auto found = known.lock();
    if (found) {
      found->update(service);
    } else {
      found = std::make_shared<local_service>(context, service);
      known = found;
    }
    return found;
  }

  /// Applies new settings. Addresses that stay keep their state, unless there is no health check any more.
  void update(const config::client_service& next) {
    const auto before =
        std::exchange(service_, std::make_shared<const config::client_service>(next));
    const bool has_other_checks = before->check != next.check ||
                                  before->local_addr != next.local_addr ||
                                  before->prefer_ipv6 != next.prefer_ipv6;
    for (const address& each : targets_->update(next)) {
      report_target(context_, service_, each, {});
    }
    if (has_other_checks) checker_.restart(service_);
  }

  /// Returns the addresses, for the threads that forward visitors.
  [[nodiscard]] const std::shared_ptr<local_targets>& targets() const { return targets_; }

 private:
  std::shared_ptr<const config::client_service> service_;
  const std::shared_ptr<local_targets> targets_;
  const std::shared_ptr<Context> context_;
  health_checker<Context> checker_;
};

}  // namespace rathole::client_side
