#include "../support/property.hpp"

#include <rathole/protocol/descriptor_budget.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

namespace rathole::test {
namespace {

using protocol::descriptor_budget;

/// A server that follows its budget, in a process that holds other descriptors too.
class budgeted_server {
 public:
  budgeted_server(std::size_t limit, std::size_t elsewhere, std::size_t services)
      : limit_(limit), elsewhere_(elsewhere), budget_(limit), idle_(services) {
    budget_.use.services = services;
    budget_.use.fixed = 2 * services + 1;
    settle();
  }

  descriptor_budget& budget() { return budget_; }
  [[nodiscard]] bool is_full() const { return elsewhere_ + budget_.use.total() >= limit_; }
  [[nodiscard]] const std::vector<std::size_t>& idle() const { return idle_; }

  void visitor() {
    if (is_full()) return shortage();
    if (budget_.admits_visitor()) ++budget_.use.waiting;
    settle();
  }
  /// A data channel arrives for a visitor, if one waits.
  void channel() {
    if (budget_.use.waiting == 0) return;
    if (is_full()) return shortage();
    --budget_.use.waiting;
    ++budget_.use.forwards;
    settle();
  }
  /// Service `i` gets an idle channel, if it may have one more.
  void prefill(std::size_t i) {
    if (idle_[i] >= std::min<std::size_t>(budget_.idle_share(), 8)) return;
    if (is_full()) return shortage();
    ++idle_[i];
    ++budget_.use.idle;
    settle();
  }
  void forward_ends() {
    if (budget_.use.forwards > 0) --budget_.use.forwards;
    settle();
  }
  void others(std::size_t now) {
    if (now + budget_.use.total() <= limit_) elsewhere_ = now;
  }
  void pass(duration time) {
    now_ += time;
    settle();
  }

 private:
  void settle() {
    budget_.update(now_);
    for (std::size_t& each : idle_) {
      const std::size_t kept = std::min(each, budget_.idle_share());
      budget_.use.idle -= each - kept;
      each = kept;
    }
  }
  void shortage() {
    budget_.refused(now_);
    settle();
    budget_.use.waiting -= budget_.excess_visitors();
    RC_ASSERT(budget_.excess_visitors() == 0U);
  }

  std::size_t limit_;
  std::size_t elsewhere_;
  time_point now_{std::chrono::hours(1)};
  descriptor_budget budget_;
  std::vector<std::size_t> idle_;
};

TEST_CASE("descriptor budget: waiting visitors get their channels, whatever happened before") {
  RATHOLE_PROPERTY("descriptor budget", [] {
    const auto services = *rc::gen::inRange<std::size_t>(1, 30);
    const auto limit = *rc::gen::inRange<std::size_t>(3 * services + 60, 400);
    budgeted_server server(limit, 15, services);
    const auto steps = *rc::gen::container<std::vector<unsigned>>(rc::gen::inRange(0U, 600U));
    for (const unsigned step : steps) {
      switch (step % 6) {
        case 0:
        case 1: server.visitor(); break;
        case 2: server.channel(); break;
        case 3: server.prefill(step / 6 % services); break;
        case 4: server.forward_ends(); break;
        default:
          if (step < 300)
            server.pass(std::chrono::milliseconds(step));
          else
            server.others(step % 60);
      }
      RC_ASSERT(server.budget().use.total() <= limit);
    }
    // The other descriptors are closed, and no more visitors arrive: every waiting visitor gets a
    // channel.
    server.others(15);
    server.pass(std::chrono::seconds(1));
    while (server.budget().use.waiting > 0) {
      RC_ASSERT_FALSE(server.is_full());
      server.channel();
    }
    // Once the load is gone there is room for a new visitor and its channel.
    while (server.budget().use.forwards > 0) server.forward_ends();
    RC_ASSERT(server.budget().admits_visitor());
    server.visitor();
    server.channel();
    RC_ASSERT(server.budget().use.forwards == 1U);
    // No service has more idle channels than its share.
    for (const std::size_t each : server.idle()) {
      RC_ASSERT(each <= server.budget().idle_share());
    }
  });
}

}  // namespace
}  // namespace rathole::test
