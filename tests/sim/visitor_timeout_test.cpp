// Visitors that get no data channel.

#include "support/sim_tunnel.hpp"

using namespace rathole;
using namespace std::chrono_literals;
using test::read_once, test::sim_tunnel;

namespace {

/// A tunnel without idle data channels whose client has just stopped responding.
struct silent_tunnel : sim_tunnel {
  explicit silent_tunnel(std::uint64_t seed) : sim_tunnel(seed) {
    server_settings.services[0].pool.size = 0;
    server_settings.services[0].pool.max_waiting_visitors = 3;
    start_all();
    world.net().partition("client", "server");
  }
};

}  // namespace

TEST_CASE("visitor time-out: a visitor that waited too long is reset") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  silent_tunnel tunnel(seed);
  auto visitor = tunnel.bench.must(tunnel.arrive());
  const time_point arrived = tunnel.world.now();
  CHECK(tunnel.bench.get(read_once(visitor)).error() == std::errc::connection_reset);
  const duration waited = tunnel.world.now() - arrived;
  CHECK(waited >= 10s);
  CHECK(waited <= 10s + 10ms);
  CHECK(tunnel.server->events.last_error<server_side::visitor_refused>() == errc::timed_out);
  tunnel.world.net().heal("client", "server");
  visitor.close();
  CHECK(tunnel.serves_again(1s));
  tunnel.stop_all();
}

TEST_CASE("visitor time-out: at the limit the newest visitor is refused") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  silent_tunnel tunnel(seed);
  std::vector<test::pending<std::string>> visits;
  for (int i = 0; i < 3; ++i) visits.push_back(tunnel.bench.begin(tunnel.visit("early")));
  tunnel.world.run_for(1s);
  const auto& events = tunnel.server->events;
  CHECK(events.count<server_side::visitor_refused>() == 0);
  const auto late = tunnel.bench.begin(tunnel.visit("late"));
  tunnel.world.run_for(1s);
  CHECK(events.count<server_side::visitor_refused>() == 1);
  CHECK(events.last_error<server_side::visitor_refused>() == errc::limit_reached);
  REQUIRE(late->has_value());
  CHECK((*late)->error() == std::errc::connection_reset);
  tunnel.world.net().heal("client", "server");
  for (const auto& visit : visits) CHECK(tunnel.bench.get(visit) == "early");
  tunnel.stop_all();
}

TEST_CASE("visitor time-out: waiting visitors are reset when the client goes") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  silent_tunnel tunnel(seed);
  auto visitor = tunnel.bench.must(tunnel.arrive());
  tunnel.world.run_for(1s);
  tunnel.world.net().lose_connections("client", "server");
  const time_point lost = tunnel.world.now();
  CHECK(tunnel.bench.get(read_once(visitor)).error() == std::errc::connection_reset);
  CHECK(tunnel.world.now() - lost <= 10ms);
  tunnel.world.net().heal("client", "server");
  visitor.close();
  CHECK(tunnel.serves_again(15s));
  tunnel.stop_all();
}
