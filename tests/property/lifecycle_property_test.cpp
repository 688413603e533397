#include "../support/property.hpp"

#include <rathole/app/lifecycle.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <chrono>
#include <cstdint>
#include <random>
#include <system_error>
#include <utility>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using kind = app::lifecycle_action::kind;

/// The owner of a `lifecycle`, which checks the actions that it receives.
class checked_program {
 public:
  explicit checked_program(std::uint64_t seed) : random_(seed), is_server_(chance(2)) {}

  void step() {
    switch (random_() % 10) {
      case 0: lifecycle_.started(now_); break;
      case 1: lifecycle_.all_served(); break;
      case 2:
      case 3: lifecycle_.reload_requested(); break;
      case 4:
      case 5: lifecycle_.change_found(); break;
      case 6:
      case 7: lifecycle_.change_done(any_result()); break;
      case 8:
        if (chance(8)) {
          stopped_ = true;
          lifecycle_.stop_requested(now_ + 5s);
        }
        if (stopped_ && chance(2)) end();
        break;
      default: now_ += std::chrono::seconds(random_() % 10);
    }
    while (const auto action = lifecycle_.poll(now_)) {
      RC_ASSERT_FALSE(exited_);
      perform(action->what);
    }
    RC_ASSERT(exited_ == !running_);
  }

 private:
  bool chance(unsigned of) { return random_() % of == 0; }
  std::error_code any_result() {
    return chance(2) ? std::error_code() : std::make_error_code(std::errc::address_in_use);
  }

  void end() {
    if (std::exchange(running_, false)) lifecycle_.ended(any_result());
  }

  void perform(kind what) {
    switch (what) {
      case kind::watch_file: RC_ASSERT_FALSE(std::exchange(watches_, true)); break;
      case kind::read_file:
        RC_ASSERT(watches_);
        RC_ASSERT_FALSE(applies_);
        break;
      case kind::apply_settings:
        RC_ASSERT(running_);
        RC_ASSERT_FALSE(stopped_);
        RC_ASSERT_FALSE(std::exchange(applies_, true));
        break;
      case kind::accept_settings:
      case kind::reject_settings: RC_ASSERT(std::exchange(applies_, false)); break;
      case kind::warn_unserved:
        RC_ASSERT(is_server_);
        RC_ASSERT(watches_);
        RC_ASSERT_FALSE(stopped_);
        RC_ASSERT_FALSE(std::exchange(warned_, true));
        break;
      case kind::stop_instances: RC_ASSERT(stopped_); break;
      case kind::abort_draining: RC_ASSERT(stopped_); break;
      case kind::exit: exited_ = true; break;
      case kind::notify_ready:
        RC_ASSERT(watches_);
        RC_ASSERT_FALSE(notified_stopping_);
        notified_ready_ = true;
        break;
      case kind::notify_reloading: RC_ASSERT(std::exchange(notified_ready_, false)); break;
      case kind::notify_stopping: RC_ASSERT_FALSE(std::exchange(notified_stopping_, true)); break;
    }
  }

  std::mt19937_64 random_;
  bool is_server_;
  app::lifecycle lifecycle_{{.on_start = is_server_, .timeout = 20s}};
  time_point now_{1h};
  bool running_ = true;
  bool applies_ = false;
  bool watches_ = false;
  bool warned_ = false;
  bool stopped_ = false;
  bool exited_ = false;
  bool notified_ready_ = false;
  bool notified_stopping_ = false;
};

TEST_CASE("lifecycle: one change at a time, none after the stop, one end") {
  RATHOLE_PROPERTY("laws", [](std::uint64_t seed) {
    checked_program program(seed);
    for (int i = 0; i < 300; ++i) program.step();
  });
}

}  // namespace
}  // namespace rathole::test
