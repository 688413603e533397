#include "../support/property.hpp"

#include <rathole/protocol/udp_slots.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <set>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using protocol::channel_counts;
using protocol::slot_id;
using protocol::udp_slots;

/// Draws random numbers that fail the test reproducibly.
struct generated_rng {
  void fill(byte_span out) const {
    for (auto& byte : out) byte = *rc::gen::arbitrary<std::uint8_t>();
  }
};

/// Drives `udp_slots` with random events, and checks what its owner relies on.
class slot_laws {
 public:
  /// Performs one random event.
  void step() {
    switch (*rc::gen::inRange(0, 9)) {
      case 0:
      case 1:
      case 2:
        if (const auto slot = slots_.channel_arrived()) {
          // No slot is given twice.
          RC_ASSERT(starting_.insert(*slot).second);
          RC_ASSERT(!carrying_.contains(*slot));
        } else {
          RC_ASSERT(slots_.counts().waiting == 0u);
        }
        break;
      case 3:
      case 4:
        if (const auto slot = take(starting_)) {
          const bool is_surplus = slots_.size() > size_;
          RC_ASSERT(slots_.started(*slot) != is_surplus);
          if (!is_surplus) carrying_.insert(*slot);
        }
        break;
      case 5:
        if (const auto slot = take(starting_)) slots_.start_failed(*slot, now_, rng_);
        break;
      case 6:
        if (const auto slot = take(carrying_)) {
          slots_.channel_lost(*slot, now_, std::chrono::milliseconds(*rc::gen::inRange(0, 2000)),
                              rng_);
        }
        break;
      case 7:
        size_ = *rc::gen::inRange<std::size_t>(0, 6);
        largest_ = std::max(largest_, size_);
        slots_.set_size(size_);
        break;
      default: now_ = std::max(now_, slots_.deadline().value_or(now_ + 1s)); break;
    }
    settle();
  }

  /// Ends the session; afterwards nothing may be left, whatever is still reported.
  void finish() {
    slots_.stop();
    RC_ASSERT(slots_.size() == 0u);
    size_ = 0;
    for (const slot_id each : starting_) RC_ASSERT(!slots_.started(each));
    for (const slot_id each : carrying_) slots_.channel_lost(each, now_, 0s, rng_);
    starting_.clear();
    carrying_.clear();
    slots_.set_size(5);
    RC_ASSERT(!slots_.channel_arrived());
    settle();
    RC_ASSERT(slots_.counts() == channel_counts{});
    RC_ASSERT(!slots_.deadline());
  }

 private:
  template <class Set>
  static std::optional<slot_id> take(Set& from) {
    if (from.empty()) return std::nullopt;
    return from.extract(from.begin()).value();
  }

  void settle() {
    while (slots_.poll(now_)) RC_ASSERT(slots_.counts().outstanding <= slots_.counts().waiting);
    const channel_counts counts = slots_.counts();
    // Each slot that waits has exactly one request.
    RC_ASSERT(counts.outstanding == counts.waiting);
    RC_ASSERT(counts.starting == starting_.size());
    RC_ASSERT(counts.idle == 0u);
    RC_ASSERT(slots_.size() <= largest_);
    RC_ASSERT(slots_.size() >= size_);
    RC_ASSERT(slots_.deadline().value_or(time_point::max()) > now_);
    // A slot that has no channel gets one later.
    const std::size_t pausing = slots_.size() - counts.waiting - counts.starting - carrying_.size();
    RC_ASSERT(counts.waiting + pausing == 0u || slots_.deadline());
  }

  generated_rng rng_;
  udp_slots slots_;
  time_point now_{1h};
  std::size_t size_ = 0;
  std::size_t largest_ = 0;
  std::set<slot_id> starting_;
  std::set<slot_id> carrying_;
};

TEST_CASE("udp_slots: no slot is given twice, none is forgotten, and each waits for one request") {
  RATHOLE_PROPERTY("udp_slots", [] {
    slot_laws laws;
    for (int left = *rc::gen::inRange(0, 200); left > 0; --left) laws.step();
    laws.finish();
  });
}

}  // namespace
}  // namespace rathole::test
