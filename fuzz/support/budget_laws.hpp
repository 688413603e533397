#pragma once

#include "check.hpp"
#include "fuzz_input.hpp"

#include <rathole/protocol/descriptor_budget.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

namespace rathole::fuzz {

/// Drives a server or client that follows its `descriptor_budget` with the fuzzer's input. Leases
/// count what is in use; the model is how many of them exist.
class budget_run {
 public:
  explicit budget_run(std::size_t limit) : limit_(limit), budget_(limit) { settle(); }

  void step(fuzz_input& in) {
    using enum kind;
    switch (in.below(13)) {
      case 0:
        if (budget_.admits_visitor()) {
          take(waiting);
          // A visitor that was admitted is not closed again at once.
          check(budget_.excess_visitors() == 0);
        }
        break;
      case 1:
        if (budget_.admits_visitor_of_stream()) take(one_sided);
        break;
      case 2:
        if (count(waiting) > 0) {
          give_back(waiting);
          take(forwards);
        }
        break;
      case 3:
        if (use().idle < use().services * budget_.idle_share()) take(idle);
        break;
      case 4:
        if (use().handshakes < budget_.max_handshakes()) take(handshakes);
        break;
      case 5:
        check_dials();
        if (budget_.admits_dial(use().idle)) take(idle);
        break;
      case 6: take_udp_visitor(); break;
      case 7: take(some(in)); break;
      case 8: give_back(some(in)); break;
      case 9: run_out(); break;
      case 10:
        limit_ = 8 + 4 * std::size_t{in.byte()};
        budget_.set_limit(limit_);
        break;
      case 11: claim_fixed(1 + in.below(8)); break;
      default: now_ += in.time(); break;
    }
    settle();
  }

  /// Ends everything, and checks that the budget is as in the beginning.
  void finish() {
    for (std::size_t each = 0; each < kinds; ++each) leases_[each].clear();
    check(use() == protocol::descriptor_use{} && use().total() == 0);
    now_ += protocol::shortage_memory;
    settle();
    check(budget_.admits_visitor() && budget_.admits_dial(0) && budget_.excess_visitors() == 0);
    check(budget_.idle_share() == room() / 4 && budget_.max_handshakes() == room() / 2);
  }

 private:
  enum class kind {
    services,
    fixed,
    handshakes,
    idle,
    waiting,
    forwards,
    one_sided,
    multiplexed,
    udp_services,
    udp_visitors
  };
  static constexpr std::size_t kinds = 10;
  using leases = std::vector<protocol::descriptor_lease>;

  [[nodiscard]] const protocol::descriptor_use& use() const { return budget_.use; }
  leases& of(kind which) { return leases_[static_cast<std::size_t>(which)]; }
  [[nodiscard]] std::size_t count(kind which) const {
    return leases_[static_cast<std::size_t>(which)].size();
  }

  std::size_t& counter(kind which) {
    protocol::descriptor_use& all = budget_.use;
    const std::array<std::size_t*, kinds> counters = {
        &all.services, &all.fixed,     &all.handshakes,  &all.idle,         &all.waiting,
        &all.forwards, &all.one_sided, &all.multiplexed, &all.udp_services, &all.udp_visitors};
    return *counters[static_cast<std::size_t>(which)];
  }

  void take(kind which) { of(which).emplace_back(counter(which)); }

  // Returns a lease by one of the ways to end it; each of them subtracts it once.
  void give_back(kind which) {
    leases& all = of(which);
    if (all.empty()) return;
    switch (ended_++ % 3) {
      case 0: {
        const protocol::descriptor_lease moved = std::move(all.back());
        break;
      }
      case 1:
        all.front().end();
        all.front().end();
        all.front() = std::move(all.back());
        break;
      default: break;
    }
    all.pop_back();
  }

  // Listeners and control channels leave a quarter of what is not in reserve.
  void claim_fixed(std::size_t amount) {
    const std::size_t before = use().fixed + use().multiplexed;
    {
      const auto claimed = budget_.claim_fixed(amount);
      check(claimed.has_value() == (before + amount <= room() / 4 * 3));
      check(use().fixed + use().multiplexed == before + (claimed ? amount : 0));
    }
    check(use().fixed + use().multiplexed == before);
    for (; amount > 0 && budget_.admits_fixed(1); --amount) take(kind::fixed);
  }

  // The visitors of each UDP service of a client are at most its share.
  void take_udp_visitor() {
    const std::size_t share = budget_.udp_share();
    check(share >= 1 && share <= std::max<std::size_t>(limit_ / 4, 1));
    if (use().udp_visitors < use().udp_services * share) take(kind::udp_visitors);
  }

  // A service that has more of its own channels is not admitted more easily.
  void check_dials() const {
    for (std::size_t own = 0; own < 8; ++own) {
      check(budget_.admits_dial(own) || !budget_.admits_dial(own + 1));
    }
  }

  // The system refuses a descriptor: idle channels and visitors make room.
  void run_out() {
    budget_.refused(now_);
    check(budget_.idle_share() == 0);
    settle();
    for (std::size_t left = budget_.excess_visitors(); left > 0; --left) {
      check(budget_.excess_visitors() <= use().waiting);
      give_back(kind::waiting);
    }
    // Connections in a handshake may use the channels of the visitors that are left.
    check(budget_.excess_visitors() == 0 || use().handshakes > use().waiting);
  }

  // Takes the new use into account, and closes the idle channels that exceed the share.
  void settle() {
    const bool has_changed = budget_.update(now_);
    check(has_changed == (budget_.idle_share() != share_));
    share_ = budget_.idle_share();
    check(!budget_.update(now_));
    for (std::size_t each = 0; each < kinds; ++each) {
      check(counter(static_cast<kind>(each)) == leases_[each].size());
    }
    while (use().idle > use().services * share_) give_back(kind::idle);
    check(use().total() == count(kind::fixed) + count(kind::multiplexed) + count(kind::handshakes) +
                               count(kind::idle) + count(kind::waiting) +
                               2 * count(kind::forwards) + count(kind::one_sided) +
                               count(kind::udp_visitors));
    check(share_ * std::max<std::size_t>(use().services, 1) <= room() / 4);
    check(budget_.max_handshakes() >= 1 && budget_.max_handshakes() <= room());
    check(budget_.admits_visitor_of_stream() || !budget_.admits_visitor());
    check(budget_.excess_visitors() <= use().waiting);
  }

  /// Returns how many descriptors the reserve leaves; nothing else is taken into account.
  [[nodiscard]] std::size_t room() const {
    return limit_ - std::min(protocol::descriptor_reserve, limit_ / 4);
  }

  static kind some(fuzz_input& in) { return static_cast<kind>(in.below(kinds)); }

  std::size_t limit_;
  protocol::descriptor_budget budget_;
  std::array<leases, kinds> leases_;
  std::size_t ended_ = 0;
  std::size_t share_ = protocol::descriptor_budget::unlimited;
  time_point now_{std::chrono::hours(1)};
};

}  // namespace rathole::fuzz
