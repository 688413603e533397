// Slow peers.

#include "support/sim_tunnel.hpp"

using namespace rathole;
using namespace std::chrono_literals;
using test::bytes, test::pattern, test::read_once, test::sim_tunnel;

namespace {

constexpr std::size_t window = 64 * 1024;

io::awaitable<void> count_writes(sim::stream& to, std::size_t& written) {
  const std::string block(1024, 'x');
  for (;;) {
    const auto sent = co_await to.write(bytes(block));
    if (!sent) co_return;
    written += block.size();
  }
}

}  // namespace

TEST_CASE("slow peer: a visitor that does not read delays only itself") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_all();
  auto greedy = tunnel.bench.must(tunnel.arrive());
  std::size_t written = 0;
  tunnel.bench.tasks.spawn(count_writes(greedy, written));
  tunnel.world.run_for(1min);
  const std::size_t stuck_at = written;
  // Three connections each way, and the buffers of the relays and of the echo service.
  CHECK(stuck_at >= 6 * window);
  CHECK(stuck_at <= 6 * window + 5 * window);
  tunnel.world.run_for(1min);
  CHECK(written == stuck_at);

  const std::string much = pattern(1 << 20);
  CHECK(tunnel.bench.must(tunnel.visit(much)) == much);
  CHECK(written == stuck_at);

  CHECK(tunnel.bench.must(read_once(greedy)).size() > 0);
  greedy.abort();
  tunnel.stop_all();
}

TEST_CASE("slow peer: connections that send nothing are closed at the handshake time-out") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_all();
  auto stranger = tunnel.world.make_runtime("stranger");
  std::vector<sim::stream> silent;
  for (int i = 0; i < 50; ++i) {
    const address control{"server", 2333};
    silent.push_back(tunnel.bench.must(stranger.connect(control, {}, tunnel.world.now() + 1s, {})));
  }
  const time_point connected = tunnel.world.now();
  CHECK(tunnel.bench.must(tunnel.visit("not held up")) == "not held up");
  CHECK(tunnel.server->events.count<server_side::handshake_failed>() == 0);
  for (auto& stream : silent) CHECK(tunnel.bench.must(read_once(stream)) == "");
  CHECK(tunnel.world.now() - connected <= 5s + 10ms);
  CHECK(tunnel.server->events.count<server_side::handshake_failed>() == 50);
  CHECK(tunnel.server->events.last_error<server_side::handshake_failed>() == errc::timed_out);
  silent.clear();
  tunnel.stop_all();
}

TEST_CASE("slow peer: a slow network only takes longer") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  sim::link_conditions slow;
  slow.min_delay = 200ms;
  slow.max_delay = 900ms;
  slow.max_read = 1;
  tunnel.world.net().set_conditions(slow);
  tunnel.start_all();
  CHECK(tunnel.bench.must(tunnel.visit("one byte at a time")) == "one byte at a time");
  CHECK(tunnel.client->events.count<client_side::control_channel_failed>() == 0);
  tunnel.stop_all();
}
