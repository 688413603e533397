// A stream is handed over to the program although memory runs out.

#include "support/failing_allocator.hpp"
#include "support/sim_world.hpp"

#include <rathole/io/drain.hpp>
#include <rathole/io/hand_over.hpp>
#include <rathole/io/stream/shared_stream.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace rathole::test {

namespace {

using namespace std::chrono_literals;

/// What became of a stream.
struct outcome {
  int given = 0;
  int refused = 0;
  int ended = 0;
  std::shared_ptr<io::shared_stream> stream;
};

io::awaitable<void> hand_over(sim::runtime& on, sim::stream channel, const io::drain_stops& stops,
                              outcome& out) {
  auto give = [&out](std::shared_ptr<io::shared_stream> stream) {
    ++out.given;
    out.stream = std::move(stream);
  };
  try {
    co_await io::hand_over(on, std::move(channel), stops, give);
    ++out.ended;
  } catch (const std::bad_alloc&) {
    ++out.refused;
  }
}

/// Hands a stream over while allocation number `failing` fails. Returns whether that was reached.
bool hand_over_without(std::uint64_t failing) {
  sim_bench bench;
  sim_connection both(bench);
  const io::drain_stops stops;
  outcome out;
  bench.tasks.spawn(hand_over(bench.client, std::move(both.near), stops, out));
  const failing_allocator allocator(failing);
  {
    const failing_allocator::armed armed;
    bench.world.run_for(1ms);
  }
  // Neither if the coroutine could not be started.
  CHECK_LE(out.given + out.refused, 1);
  {
    const failing_allocator::armed armed;
    out.stream.reset();
    bench.world.run_for(1ms);
  }
  CHECK_EQ(out.ended, out.given);
  bench.get(read_all(both.far));
  return allocator.has_failed();
}

}  // namespace

TEST_CASE("hand-over: whenever memory runs out, the stream is given and ends, or neither") {
  std::uint64_t failing = 1;
  while (hand_over_without(failing)) ++failing;
  CHECK_GT(failing, 3);
}

}  // namespace rathole::test
