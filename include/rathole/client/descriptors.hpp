#pragma once

#include <rathole/protocol/descriptor_budget.hpp>
#include <rathole/transport/concepts.hpp>

#include <cstddef>
#include <memory>
#include <optional>

namespace rathole::client_side {

/// Updates the budget with the limit and with what is counted on all threads. Must be called on the
/// control plane's thread.
template <class Context>
void count_descriptors(Context& self) {
  self.descriptors.set_limit(self.runtime().descriptor_limit());
  const std::size_t multiplexed = self.multiplexed_forwards.load();
  self.descriptors.use.forwards = self.forwards.load() - multiplexed;
  self.descriptors.use.one_sided = multiplexed;
  if constexpr (transport::Multiplexing<typename Context::transport_type>) {
    self.descriptors.use.multiplexed = self.transport.connections();
  }
  self.descriptors.use.udp_visitors = self.udp_visitors.load();
  self.udp_share = self.descriptors.udp_share();
}

/// Counts the control channel of a service in a budget while it exists.
class control_channel_claim {
 public:
  /// Counts a channel that needs `amount` descriptors in `use`, as one of `services`.
  control_channel_claim(protocol::descriptor_use& use, std::size_t amount, std::size_t services)
      : fixed_(use.fixed, amount), service_(use.services, services) {}

 private:
  protocol::descriptor_lease fixed_;
  protocol::descriptor_lease service_;
};

/// Counts the control channel of a service that needs `amount` descriptors: none, if it is a multiplexed
/// stream. Returns nothing if it would take those of connections; see `descriptor_budget::admits_service`.
template <class Context>
std::optional<control_channel_claim> claim_control_channel(Context& self, std::size_t amount) {
  count_descriptors(self);
  if (amount > 0 && !self.descriptors.admits_service(amount)) return std::nullopt;
  return control_channel_claim(self.descriptors.use, amount, amount > 0 ? 1 : 0);
}

/// Returns whether a service with `own` data channels that dial or wait may dial one more with the
/// available descriptors. If not, `dial_deferred` must be called once some are free.
template <class Context>
bool admits_dial(Context& self, std::size_t own) {
  protocol::descriptor_budget& budget = self.descriptors;
  count_descriptors(self);
  budget.update(self.runtime().now());
  const bool admitted = budget.admits_dial(own);
  if (!admitted) self.dials_deferred = true;
  return admitted;
}

/// Records that the system refused a descriptor. May be called by any thread.
template <class Context>
void descriptor_refused(const std::shared_ptr<Context>& self) {
  self->on_control_plane([self] {
    count_descriptors(*self);
    self->descriptors.refused(self->runtime().now());
  });
}

/// Dials the deferred data channels after descriptors were freed. May be called by any thread.
template <class Context>
void dial_deferred(const std::shared_ptr<Context>& self) {
  if (!self->dials_deferred.exchange(false)) return;
  self->on_control_plane([self] {
    for (const auto& uplink : self->uplinks) {
      for (const auto& [name, service] : uplink->services) {
        if (const auto runner = service.lock()) runner->dial_deferred();
      }
    }
  });
}

}  // namespace rathole::client_side
