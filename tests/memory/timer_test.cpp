// Timers run their callbacks although Asio's timer queue cannot grow.

#include "support/failing_allocator.hpp"

#include <rathole/io/time/asio_timer.hpp>

#include <doctest/doctest.h>

#include <asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <utility>

namespace rathole::test {

namespace {

/// Enough for the queue to grow several times.
constexpr int timers = 40;

/// Arms all timers while `count` allocations from number `failing` on fail. Returns whether
/// allocation `failing` was reached.
bool arm_all(std::uint64_t failing, std::uint64_t count) {
  asio::io_context context;
  std::deque<io::asio_timer> all;
  for (int i = 0; i < timers; ++i) all.emplace_back(context.get_executor());
  // The first one creates the context's Asio services.
  all.front().arm(clock::now(), [] {});

  int called = 0;
  const failing_allocator allocator(failing, count);
  {
    const failing_allocator::armed armed;
    for (io::asio_timer& each : all) {
      // The callback fits into its wrapper, so that only Asio allocates.
      each.arm(clock::now(), [&called] { ++called; });
    }
  }
  context.run();
  CHECK(called == timers);
  return allocator.has_failed();
}

}  // namespace

TEST_CASE("a timer runs its callback even if Asio's timer queue has no memory for it") {
  for (const std::uint64_t count : {1U, 3U, 1'000U}) {
    CAPTURE(count);
    std::uint64_t failing = 1;
    while (arm_all(failing, count)) ++failing;
    CHECK(failing > 1);
  }
}

}  // namespace rathole::test
