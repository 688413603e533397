#pragma once

#include <rathole/config/health_check.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

namespace rathole::client_side {

/// How long a local address that did not accept a connection is skipped at first. Each further failure
/// doubles the time.
inline constexpr std::chrono::seconds min_target_skip{1};
/// The longest time for which it is skipped.
inline constexpr std::chrono::seconds max_target_skip{30};

/// Chooses to which of the local addresses of a service its next visitor is forwarded. It does no input or
/// output and reads no clock.
///
/// An address is down while its last connection failed, or after so many failed health checks as the settings
/// say. One that is down is tried only if all others fail, except that a visitor tries it again once the time
/// for which it is skipped is over.
class target_choice {
 public:
  /// Begins with `all` addresses, which are up.
  target_choice(const address_list& all, config::local_strategy how) : strategy_(how) {
    for (const address& each : all) targets_.push_back(target{.where = each});
  }

  /// Replaces the addresses and the strategy. Addresses that stay keep their state, but no health check keeps one
  /// down unless it is still `checked`. Returns those that are up only since then.
  std::vector<address> update(const address_list& all, config::local_strategy how, bool checked) {
    std::vector<address> now_up;
    std::vector<target> next;
    for (const address& each : all) {
      const auto known = std::ranges::find(targets_, each, &target::where);
      next.push_back(known != targets_.end() ? *known : target{.where = each});
      target& kept = next.back();
      const bool was_up = kept.is_up();
      if (!checked) kept.forget_checks();
      if (kept.is_up() != was_up) now_up.push_back(each);
    }
    targets_ = std::move(next);
    strategy_ = how;
    return now_up;
  }

  /// Returns all addresses in the order in which the next visitor tries them.
  std::vector<address> order(time_point now) {
    std::vector<const target*> usable;
    std::vector<const target*> others;
    for (const target& each : targets_) {
      const bool is_usable = !each.failed_checks && each.skipped_until <= now;
      (is_usable ? usable : others).push_back(&each);
    }
    if (strategy_ == config::local_strategy::round_robin && !usable.empty()) {
      const auto first = static_cast<std::ptrdiff_t>(turn_++ % usable.size());
      std::ranges::rotate(usable, usable.begin() + first);
    }
    std::vector<address> out;
    out.reserve(targets_.size());
    for (const target* each : usable) out.push_back(each->where);
    for (const target* each : others) out.push_back(each->where);
    return out;
  }

  /// Records that `where` accepted a connection. Returns the addresses that are up only since then. While one is
  /// skipped, this changes nothing, so that one that accepts some connections and others not does not change all
  /// the time. With fail-over no visitor tries those that follow `where` as long as it works, so they are up again
  /// once they are not skipped.
  std::vector<address> connected(const address& where, time_point now) {
    std::vector<address> now_up;
    auto each = std::ranges::find(targets_, where, &target::where);
    const auto end = strategy_ == config::local_strategy::failover || each == targets_.end()
                         ? targets_.end()
                         : each + 1;
    for (; each != end; ++each) {
      if (each->skip == duration{} || each->skipped_until > now) continue;
      each->stop_skipping();
      if (each->is_up()) now_up.push_back(each->where);
    }
    return now_up;
  }

  /// Records that `where` did not accept a connection. Returns whether it is down only since then.
  bool failed(const address& where, time_point now) {
    return change(where, [now](target& each) {
      // Of visitors who fail at the same time only the first counts.
      if (now < each.skipped_until) return;
      each.skip = std::clamp<duration>(each.skip * 2, min_target_skip, max_target_skip);
      each.skipped_until = now + each.skip;
    });
  }

  /// Records that a health check of `where` succeeded. Returns whether it is up only since then.
  bool check_passed(const address& where, const config::health_check& by) {
    return change(where, [&by](target& each) {
      each.stop_skipping();
      each.count_check(!each.failed_checks, by.rise);
    });
  }

  /// Records that a health check of `where` failed. Returns whether it is down only since then.
  bool check_failed(const address& where, const config::health_check& by) {
    return change(where, [&by](target& each) { each.count_check(each.failed_checks, by.fall); });
  }

 private:
  struct target {
    [[nodiscard]] bool is_up() const { return !failed_checks && skip == duration{}; }
    void stop_skipping() {
      skip = {};
      skipped_until = {};
    }
    void forget_checks() {
      failed_checks = false;
      contrary_checks = 0;
    }
    /// Counts a result that agrees with the state, or one of `needed` in a row that change it.
    void count_check(bool agrees, std::size_t needed) {
      contrary_checks = agrees ? 0 : contrary_checks + 1;
      if (contrary_checks < needed) return;
      contrary_checks = 0;
      failed_checks = !failed_checks;
    }

    address where;
    /// Whether it is down because of its health checks.
    bool failed_checks = false;
    /// The last results that contradict `failed_checks`.
    std::size_t contrary_checks = 0;
    /// The length of the last time for which it was skipped; 0 if its last connection succeeded.
    duration skip{};
    time_point skipped_until{};
  };

  /// Does `what` to the address `where`, if it is still one; returns whether that changed whether it is up.
  template <class F>
  bool change(const address& where, F what) {
    const auto found = std::ranges::find(targets_, where, &target::where);
    if (found == targets_.end()) return false;
    const bool was_up = found->is_up();
    what(*found);
    return found->is_up() != was_up;
  }

  std::vector<target> targets_;
  config::local_strategy strategy_;
  std::size_t turn_ = 0;
};

}  // namespace rathole::client_side
