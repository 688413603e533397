#include "../support/property.hpp"

#include <rathole/embed/instance_lifecycle.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <system_error>
#include <utility>

namespace rathole::test {
namespace {

using embed::instance_role;
using kind = embed::instance_action::kind;

/// The owner of an `instance_lifecycle`, which checks the actions that it receives.
class checked_owner {
 public:
  explicit checked_owner(std::uint64_t seed) : random_(seed) {}

  void step() {
    report_any();
    poll();
  }

  /// Ends everything, after which every update must be complete.
  void finish() {
    stop();
    // An owner answers every examination.
    lifecycle_.update_refused(std::make_error_code(std::errc::address_in_use));
    poll();
    while (draining_ > 0) end(instance_role::draining);
    if (running_) end(instance_role::running);
    if (replacement_) end(instance_role::replacement);
    poll();
    RC_ASSERT(ended_);
    RC_ASSERT(requested_ == finished_);
  }

 private:
  bool chance(unsigned of) { return random_() % of == 0; }
  std::error_code any_result() {
    return chance(2) ? std::error_code() : std::make_error_code(std::errc::address_in_use);
  }

  void report_any() {
    switch (random_() % 12) {
      case 0:
        if (running_) lifecycle_.instance_started(instance_role::running);
        break;
      case 1:
      case 2:
        if (replacement_) lifecycle_.instance_started(instance_role::replacement);
        break;
      case 3:
      case 4:
        ++requested_;
        lifecycle_.update_requested();
        break;
      case 5: lifecycle_.update_found(); break;
      case 6: lifecycle_.replacement_needed(); break;
      case 7: lifecycle_.update_refused(std::make_error_code(std::errc::address_in_use)); break;
      case 8: lifecycle_.update_done(any_result()); break;
      case 9:
        if (draining_ > 0) end(instance_role::draining);
        break;
      case 10:
        if (replacement_ && chance(4)) end(instance_role::replacement);
        if (running_ && chance(stopped_ ? 2 : 50)) end(instance_role::running);
        break;
      default:
        if (chance(20)) stop();
    }
  }

  void stop() {
    stopped_ = true;
    lifecycle_.stop_requested();
  }

  void end(instance_role which) {
    if (which == instance_role::draining) --draining_;
    if (which == instance_role::running) running_ = false;
    if (which == instance_role::replacement) replacement_ = false;
    lifecycle_.instance_ended(which, any_result());
  }

  void poll() {
    while (const auto action = lifecycle_.poll()) {
      perform(*action);
      // An action may report the next event.
      if (chance(4)) report_any();
    }
  }

  void perform(const embed::instance_action& action) {
    switch (action.what) {
      case kind::report_start:
        RC_ASSERT_FALSE(std::exchange(started_, true));
        RC_ASSERT(running_);
        break;
      case kind::examine_update:
        RC_ASSERT(running_);
        RC_ASSERT_FALSE(stopped_);
        RC_ASSERT(finished_ < requested_);
        RC_ASSERT_FALSE(std::exchange(applies_, true));
        break;
      case kind::update_instance:
        RC_ASSERT(running_);
        RC_ASSERT_FALSE(stopped_);
        RC_ASSERT(applies_);
        break;
      case kind::start_replacement:
        RC_ASSERT(running_);
        RC_ASSERT_FALSE(stopped_);
        RC_ASSERT(applies_);
        RC_ASSERT_FALSE(std::exchange(replacement_, true));
        break;
      case kind::promote_replacement:
        RC_ASSERT(std::exchange(replacement_, false));
        if (std::exchange(running_, true)) ++draining_;
        break;
      case kind::finish_update:
        if (!std::exchange(applies_, false)) RC_ASSERT(action.error == errc::stopped);
        RC_ASSERT(++finished_ <= requested_);
        RC_ASSERT_FALSE(replacement_);
        break;
      case kind::report_end:
        RC_ASSERT_FALSE(std::exchange(ended_, true));
        RC_ASSERT_FALSE(running_);
        RC_ASSERT_FALSE(replacement_);
        RC_ASSERT(draining_ == 0);
        break;
    }
  }

  std::mt19937_64 random_;
  embed::instance_lifecycle lifecycle_;
  std::size_t requested_ = 0;
  std::size_t finished_ = 0;
  std::size_t draining_ = 0;
  bool running_ = true;
  bool replacement_ = false;
  bool applies_ = false;
  bool started_ = false;
  bool stopped_ = false;
  bool ended_ = false;
};

TEST_CASE(
    "instance_lifecycle: one update at a time, each completed, and the end is reported once") {
  RATHOLE_PROPERTY("laws", [](std::uint64_t seed) {
    checked_owner owner(seed);
    for (int i = 0; i < 300; ++i) owner.step();
    owner.finish();
  });
}

}  // namespace
}  // namespace rathole::test
