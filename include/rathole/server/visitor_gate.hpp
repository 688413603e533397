#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/access_list.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/core/random.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/source_network.hpp>
#include <rathole/protocol/visitor_limits.hpp>
#include <rathole/server/refusals.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

namespace rathole::server_side {

/// Returns the limits on visitors that `service` has.
inline protocol::visitor_limits::settings limits_of(const config::server_service& service) {
  return {.total = service.max_connections,
          .per_source = service.max_connections_per_address,
          .rate = service.new_connections_per_second};
}

/// Returns whether `service` has limits on visitors, so that they must be counted.
inline bool has_limits(const config::server_service& service) {
  return limits_of(service) != protocol::visitor_limits::settings();
}

/// Returns `kept`, which counts the visitors of a service, and is made if there is nothing yet.
template <class Runtime>
std::shared_ptr<protocol::visitor_limits> counts_in(std::shared_ptr<protocol::visitor_limits>& kept,
                                                    Runtime& runtime) {
  if (!kept) {
    auto rng = runtime.rng();
    kept = std::make_shared<protocol::visitor_limits>(random_bits(rng));
  }
  return kept;
}

/// Decides which new visitors of a service are admitted, by their addresses and by the limits of the service.
/// It is used in one runtime.
class visitor_gate {
 public:
  /// Applies the settings of the service to those who come from now on. `counts` counts the visitors; it is
  /// null if the service has no limits. Throws `std::bad_alloc`; the former settings then stay in use.
  void set(std::shared_ptr<const config::server_service> service,
           std::shared_ptr<protocol::visitor_limits> counts) {
    if (counts) counts->set(limits_of(*service));
    counts_ = std::move(counts);
    service_ = std::move(service);
    is_open_ = service_->access.empty() && !counts_;
  }

  /// Returns whether everybody is admitted, so that nobody needs to be asked about.
  [[nodiscard]] bool is_open() const { return is_open_; }

  /// Admits a visitor of the address `from`, which has none if it is a name; all of these are one source.
  /// Returns what keeps it counted. Fails with `errc::address_denied`, or as `visitor_limits::admit` does.
  /// Throws `std::bad_alloc`.
  result<protocol::visitor_lease> admit(const std::optional<ip_endpoint>& from, time_point now) {
    if (!service_->access.accepts(from)) return failure(errc::address_denied);
    return count(from, now);
  }
  /// Admits a visitor at `from`, as above; all peers of Unix-domain sockets are one source, with the names.
  result<protocol::visitor_lease> admit(const address& from, time_point now) {
    if (!service_->access.accepts(from)) return failure(errc::address_denied);
    return count(to_ip_endpoint(from), now);
  }

  /// Records a refusal by `admit` at `now`. Returns whether it is not the first with its reason in
  /// `refusal_interval`.
  bool note_refusal(std::error_code cause, time_point now) {
    const auto first = static_cast<int>(errc::address_denied);
    time_point& next = next_reports_[static_cast<std::size_t>(cause.value() - first)];
    if (now < next) return true;
    next = now + refusal_interval;
    return false;
  }

 private:
  static constexpr std::size_t reasons = 4;

  result<protocol::visitor_lease> count(const std::optional<ip_endpoint>& from, time_point now) {
    if (!counts_) return protocol::visitor_lease();
    const ip_endpoint source = protocol::source_network(from.value_or(ip_endpoint()));
    const auto admitted = counts_->admit(source, now);
    if (!admitted) return failure(admitted.error());
    return protocol::visitor_lease(counts_, source);
  }

  std::shared_ptr<const config::server_service> service_;
  std::shared_ptr<protocol::visitor_limits> counts_;
  bool is_open_ = true;
  /// When a refusal with each reason is the first one again.
  std::array<time_point, reasons> next_reports_{time_point::min(), time_point::min(),
                                                time_point::min(), time_point::min()};
};

}  // namespace rathole::server_side
