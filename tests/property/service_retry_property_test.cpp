#include "../support/property.hpp"

#include <rathole/client/service_retry.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <random>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;

/// Draws from a generator with a seed.
struct seeded {
  std::mt19937_64& random;
  void fill(byte_span out) const {
    for (auto& byte : out) byte = static_cast<std::uint8_t>(random());
  }
};

/// The owner of a `service_retry`, which checks the actions that it receives.
class checked_owner {
 public:
  explicit checked_owner(std::uint64_t seed) : random_(seed) {}

  void step() {
    switch (random_() % 10) {
      case 0:
        may_start_ = now_;
        outdated_ = attempting_;
        return retry_.retry_now();
      case 1:
        may_start_ = now_;
        wanted_ = false;
        return retry_.reconnect();
      case 2:
        if (random_() % 20 != 0) return;
        stopped_ = true;
        wanted_ = false;
        return retry_.stop();
      case 3:
      case 4:
      case 5: return end_attempt();
      default: now_ += std::chrono::milliseconds(random_() % 2000);
    }
  }

  void drain() {
    RC_ASSERT(retry_.is_attempt_unwanted() == (attempting_ && !wanted_));
    while (const auto action = retry_.poll(now_)) {
      RC_ASSERT_FALSE(finished_);
      if (std::holds_alternative<client_side::start_attempt>(*action)) {
        RC_ASSERT_FALSE(attempting_);
        RC_ASSERT_FALSE(stopped_);
        RC_ASSERT(now_ >= may_start_);
        attempting_ = wanted_ = true;
        outdated_ = false;
      } else if (const auto* const failure = std::get_if<client_side::report_failure>(&*action)) {
        RC_ASSERT(reports_due_ == 1);
        --reports_due_;
        RC_ASSERT(failure->reason == reason_);
        RC_ASSERT(failure->pause <= 10s * 1.2);
        RC_ASSERT((failure->pause == 0ms) == at_once_);
        RC_ASSERT(at_once_ || failure->pause >= 80ms);
        may_start_ = now_ + failure->pause;
      } else {
        RC_ASSERT(stopped_);
        RC_ASSERT_FALSE(attempting_);
        finished_ = true;
      }
    }
    RC_ASSERT(reports_due_ == 0);
    RC_ASSERT(finished_ == (stopped_ && !attempting_));
    const auto deadline = retry_.deadline();
    RC_ASSERT(deadline.has_value() == (!attempting_ && !finished_));
    if (deadline) RC_ASSERT(*deadline > now_);
  }

 private:
  void end_attempt() {
    if (!attempting_) return;
    attempting_ = false;
    if (random_() % 8 == 0) {
      if (!stopped_) may_start_ = now_ + 100ms;
      return retry_.out_of_memory(now_, 100ms);
    }
    const std::array<std::error_code, 5> reasons{
        errc::end_of_stream, errc::heartbeat_timed_out, errc::service_not_exist,
        std::make_error_code(std::errc::connection_refused), errc::timed_out};
    reason_ = reasons.at(random_() % reasons.size());
    const bool was_established = random_() % 2 == 0;
    at_once_ = !wanted_ || (outdated_ && !was_established);
    if (!stopped_) ++reports_due_;
    seeded rng{random_};
    retry_.attempt_ended(now_, reason_, was_established, rng);
  }

  std::mt19937_64 random_;
  client_side::service_retry retry_{1s};
  time_point now_{1h};
  /// No attempt may start earlier.
  time_point may_start_{};
  std::error_code reason_;
  int reports_due_ = 0;
  bool attempting_ = false;
  bool wanted_ = false;
  /// Whether `retry_now` was called during the attempt.
  bool outdated_ = false;
  /// Whether another attempt has to follow the last one without a pause.
  bool at_once_ = false;
  bool stopped_ = false;
  bool finished_ = false;
};

TEST_CASE("service_retry: one attempt at a time, a report and a pause after each, one finish") {
  RATHOLE_PROPERTY("laws", [](std::uint64_t seed) {
    checked_owner owner(seed);
    for (int i = 0; i < 300; ++i) {
      owner.drain();
      owner.step();
    }
    owner.drain();
  });
}

}  // namespace
}  // namespace rathole::test
