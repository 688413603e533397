#include "../support/property.hpp"

#include <rathole/core/ip_endpoint.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/source_rates.hpp>
#include <rathole/protocol/visitor_limits.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace rathole::test {
namespace {

using protocol::source_rates;
using protocol::visitor_limits;

ip_endpoint numbered(std::uint32_t number) {
  ip_endpoint out;
  for (std::size_t i = 0; i < 4; ++i) out.ip[i] = static_cast<std::uint8_t>(number >> 8 * i);
  return out;
}

duration any_pause() {
  // A half of the draws are no pause, so that bursts happen.
  if (*rc::gen::arbitrary<bool>()) return {};
  return std::chrono::milliseconds(*rc::gen::inRange(0, 3000));
}

connection_rate any_rate() {
  return {*rc::gen::inRange<std::size_t>(1, 8), *rc::gen::inRange<std::size_t>(1, 8)};
}

/// A bucket that counts fractions of tokens.
struct simple_bucket {
  std::int64_t tokens;
  time_point at;
};

TEST_CASE("source_rates: few sources have a bucket each, as in a simple model") {
  RATHOLE_PROPERTY("each source has a bucket", [] {
    const connection_rate allowed = any_rate();
    const auto rate = static_cast<std::int64_t>(allowed.per_second);
    // A token is as many units as a source gets in an interval.
    const std::int64_t token = 1'000'000'000 / rate * rate;
    const std::int64_t most = token * static_cast<std::int64_t>(allowed.burst);
    source_rates rates(allowed, *rc::gen::arbitrary<std::uint64_t>());
    std::map<std::uint32_t, simple_bucket> model;
    time_point now{};
    const int steps = *rc::gen::inRange(1, 200);
    for (int i = 0; i < steps; ++i) {
      now += any_pause();
      const auto from = *rc::gen::inRange<std::uint32_t>(1, protocol::rated_sources_per_set + 1);
      simple_bucket& mine = model.try_emplace(from, simple_bucket{most, now}).first->second;
      const auto passed = std::min<std::int64_t>((now - mine.at).count(), 100'000'000'000);
      mine.tokens = std::min(most, mine.tokens + passed * rate);
      mine.at = now;
      const bool has_one = mine.tokens >= token;
      if (has_one) mine.tokens -= token;
      RC_ASSERT(rates.take(numbered(from), now) == has_one);
    }
  });
}

TEST_CASE(
    "source_rates: whatever others do, a source that comes no faster than the rate is served") {
  RATHOLE_PROPERTY("it gets its tokens", [] {
    const connection_rate allowed = any_rate();
    const auto interval = duration(std::chrono::seconds(1)) / allowed.per_second;
    source_rates rates(allowed, *rc::gen::arbitrary<std::uint64_t>());
    time_point now{};
    const int rounds = *rc::gen::inRange(1, 10);
    for (int i = 0; i < rounds; ++i) {
      const auto others = *rc::gen::inRange<std::uint32_t>(0, 6000);
      for (std::uint32_t each = 1; each <= others; ++each) (void)rates.take(numbered(each), now);
      RC_ASSERT(rates.take(numbered(0xffffffff), now));
      now += interval;
    }
  });
}

TEST_CASE("visitor_limits: what is admitted is within the limits, and refusals have a reason") {
  RATHOLE_PROPERTY("the limits hold", [] {
    visitor_limits limits(*rc::gen::arbitrary<std::uint64_t>());
    visitor_limits::settings now_valid;
    std::vector<std::uint32_t> present;
    time_point now{};
    const int steps = *rc::gen::inRange(1, 200);
    for (int i = 0; i < steps; ++i) {
      now += any_pause();
      const int what = *rc::gen::inRange(0, 10);
      if (what == 0) {
        now_valid = {};
        if (*rc::gen::arbitrary<bool>()) now_valid.total = *rc::gen::inRange<std::size_t>(1, 12);
        if (*rc::gen::arbitrary<bool>())
          now_valid.per_source = *rc::gen::inRange<std::size_t>(1, 6);
        if (*rc::gen::arbitrary<bool>()) now_valid.rate = any_rate();
        limits.set(now_valid);
      } else if (what < 4 && !present.empty()) {
        const auto at = *rc::gen::inRange<std::size_t>(0, present.size());
        limits.left(numbered(present[at]));
        present.erase(present.begin() + static_cast<std::ptrdiff_t>(at));
      } else {
        const auto from = *rc::gen::inRange<std::uint32_t>(1, 5);
        const auto mine = static_cast<std::size_t>(std::ranges::count(present, from));
        const auto admitted = limits.admit(numbered(from), now);
        const bool is_full = now_valid.total && present.size() >= *now_valid.total;
        const bool has_enough = now_valid.per_source && mine >= *now_valid.per_source;
        if (admitted) {
          RC_ASSERT(!is_full && !has_enough);
          present.push_back(from);
        } else if (admitted.error() == errc::too_many_of_address) {
          RC_ASSERT(has_enough);
        } else if (admitted.error() == errc::too_many_connections) {
          RC_ASSERT(is_full && !has_enough);
        } else {
          RC_ASSERT(admitted.error() == errc::too_many_new_connections);
          RC_ASSERT(now_valid.rate.has_value());
        }
      }
      RC_ASSERT(limits.size() == present.size());
      RC_ASSERT(limits.sources() <= 4u);
    }
  });
}

}  // namespace
}  // namespace rathole::test
