#pragma once

#include <rathole/client/target_choice.hpp>
#include <rathole/config/health_check.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/time.hpp>

#include <mutex>
#include <vector>

namespace rathole::client_side {

/// The local addresses of a TCP service, shared by all threads that forward its visitors; see `target_choice`.
class local_targets {
 public:
  /// Begins with the addresses of `service`, which are up.
  explicit local_targets(const config::client_service& service)
      : choice_(service.local_addr, service.strategy) {}

  /// Takes over the addresses of `service`; returns those that are up only since then, because it has no health
  /// check any more.
  std::vector<address> update(const config::client_service& service) {
    const std::scoped_lock lock(mutex_);
    return choice_.update(service.local_addr, service.strategy, service.check.has_value());
  }

  /// Like `target_choice::order`.
  std::vector<address> order(time_point now) {
    const std::scoped_lock lock(mutex_);
    return choice_.order(now);
  }
  /// Like `target_choice::connected`.
  std::vector<address> connected(const address& where, time_point now) {
    const std::scoped_lock lock(mutex_);
    return choice_.connected(where, now);
  }
  /// Like `target_choice::failed`.
  bool failed(const address& where, time_point now) {
    const std::scoped_lock lock(mutex_);
    return choice_.failed(where, now);
  }
  /// Like `target_choice::check_passed`.
  bool check_passed(const address& where, const config::health_check& by) {
    const std::scoped_lock lock(mutex_);
    return choice_.check_passed(where, by);
  }
  /// Like `target_choice::check_failed`.
  bool check_failed(const address& where, const config::health_check& by) {
    const std::scoped_lock lock(mutex_);
    return choice_.check_failed(where, by);
  }

 private:
  std::mutex mutex_;
  target_choice choice_;
};

}  // namespace rathole::client_side
