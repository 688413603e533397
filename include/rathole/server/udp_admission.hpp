#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/udp_counters.hpp>
#include <rathole/protocol/visitor_limits.hpp>
#include <rathole/server/visitor_gate.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace rathole::server_side {

/// Decides which new visitors of a UDP service are remembered, by the settings of the service. It is used in
/// the runtime of the service.
class udp_admission {
 public:
  /// Applies the settings `service` to those who come from now on; see `visitor_gate::set`.
  template <class Runtime>
  void set(std::shared_ptr<const config::server_service> service, Runtime& runtime) {
    std::shared_ptr<protocol::visitor_limits> counts;
    if (has_limits(*service)) counts = counts_in(counts_, runtime);
    gate_.set(std::move(service), std::move(counts));
  }

  /// Returns what keeps the visitor `from` counted, or nothing if it is refused: then its datagram is counted
  /// in `refused`. Throws `std::bad_alloc`.
  std::optional<protocol::visitor_lease> admit(const ip_endpoint& from, time_point now,
                                               protocol::udp_counters& refused) {
    if (gate_.is_open()) return protocol::visitor_lease();
    auto admitted = gate_.admit(from, now);
    if (admitted) return std::move(*admitted);
    if (admitted.error() == errc::address_denied) {
      ++refused.denied;
    } else {
      ++(admitted.error() == errc::too_many_of_address ? refused.over_address_limit
                                                       : refused.over_rate);
    }
    return std::nullopt;
  }

 private:
  /// What counts the visitors, once there was a limit.
  std::shared_ptr<protocol::visitor_limits> counts_;
  visitor_gate gate_;
};

}  // namespace rathole::server_side
