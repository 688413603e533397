#include <rathole/core/attempt_pacer.hpp>

#include <doctest/doctest.h>

#include <algorithm>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;

constexpr time_point start{1h};
constexpr backoff_parameters pauses{100ms, 0.0, 2.0, 1s};

struct zero_rng {
  static void fill(byte_span out) { std::ranges::fill(out, std::uint8_t{0}); }
};

TEST_CASE("attempt_pacer: no pause while attempts succeed") {
  attempt_pacer pacer(pauses);
  for (int i = 0; i < 100; ++i) {
    CHECK(pacer.ready_at() <= start);
    pacer.started(start);
    pacer.succeeded();
  }
}

TEST_CASE("attempt_pacer: attempts that fail together count as one failure") {
  zero_rng rng;
  attempt_pacer pacer(pauses);
  const auto first = pacer.started(start);
  const auto second = pacer.started(start);
  CHECK(first == second);
  pacer.failed(first, start + 1s, rng);
  CHECK(pacer.ready_at() == start + 1100ms);
  pacer.failed(second, start + 1050ms, rng);
  CHECK(pacer.ready_at() == start + 1100ms);
}

TEST_CASE("attempt_pacer: while attempts fail, one starts after each pause, which grows") {
  zero_rng rng;
  attempt_pacer pacer(pauses);
  pacer.failed(pacer.started(start), start, rng);
  time_point now = start;
  for (const duration pause : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
    CHECK(pacer.ready_at() == now + pause);
    now += pause;
    pacer.failed(pacer.started(now), now, rng);
  }
}

TEST_CASE("attempt_pacer: an attempt that hangs does not keep others from starting") {
  zero_rng rng;
  attempt_pacer pacer(pauses);
  pacer.failed(pacer.started(start), start, rng);
  const auto hanging = pacer.started(start + 100ms);
  CHECK(pacer.ready_at() == start + 200ms);
  pacer.started(start + 200ms);
  CHECK(pacer.ready_at() == start + 300ms);
  pacer.failed(hanging, start + 10s, rng);
  CHECK(pacer.ready_at() == start + 10200ms);
}

TEST_CASE("attempt_pacer: any success ends the pauses, whenever its attempt started") {
  zero_rng rng;
  attempt_pacer pacer(pauses);
  const auto slow = pacer.started(start);
  pacer.failed(pacer.started(start), start, rng);
  pacer.failed(pacer.started(start + 100ms), start + 100ms, rng);
  pacer.succeeded();
  CHECK(pacer.ready_at() <= start);
  // An attempt that began before says nothing about the present.
  pacer.failed(slow, start + 1s, rng);
  CHECK(pacer.ready_at() <= start);
  pacer.failed(pacer.started(start + 2s), start + 2s, rng);
  CHECK(pacer.ready_at() == start + 2100ms);
}

}  // namespace
}  // namespace rathole::test
