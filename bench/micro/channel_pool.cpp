// Measures the pool's bookkeeping for visitors and data channels.

#include <rathole/protocol/channel_pool.hpp>

#include <benchmark/benchmark.h>

#include <chrono>
#include <variant>

namespace {

namespace protocol = rathole::protocol;

constexpr rathole::time_point now{std::chrono::hours(1)};

// Performs the pool's actions, with a client that opens requested channels at once; returns how
// many visitors were assigned.
std::int64_t settle(protocol::channel_pool& pool, protocol::channel_id& channels) {
  std::int64_t assigned = 0;
  while (const auto action = pool.poll(now)) {
    if (std::holds_alternative<protocol::request_channel>(*action)) {
      pool.channel_arrived(++channels);
    } else if (const auto* match = std::get_if<protocol::assign>(&*action)) {
      pool.started(match->visitor);
      ++assigned;
    }
  }
  return assigned;
}

// One visitor at a time, each of which finds an idle channel.
void visitor(benchmark::State& state) {
  protocol::channel_pool pool;
  protocol::channel_id channels = 0;
  protocol::visitor_id visitors = 0;
  settle(pool, channels);
  for (auto _ : state) {
    pool.visitor_arrived(++visitors, now);
    if (settle(pool, channels) != 1) state.SkipWithError("not assigned");
  }
}
BENCHMARK(visitor);

// As many simultaneous visitors as the argument says, then the channels for them.
void burst(benchmark::State& state) {
  protocol::channel_pool pool;
  protocol::channel_id channels = 0;
  protocol::visitor_id visitors = 0;
  settle(pool, channels);
  for (auto _ : state) {
    for (std::int64_t i = 0; i < state.range(0); ++i) pool.visitor_arrived(++visitors, now);
    if (settle(pool, channels) != state.range(0)) state.SkipWithError("not assigned");
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(burst)->Arg(8)->Arg(64)->Arg(2048);

}  // namespace
