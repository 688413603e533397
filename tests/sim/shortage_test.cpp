// Shortages of descriptors on the server's or the client's host.

#include "support/sim_tunnel.hpp"

#include <cstdint>
#include <string>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using test::read_once, test::sim_tunnel;

namespace {

/// Returns the number of idle data channels of the tunnel's only service.
std::size_t idle_channels(const test::program& server) {
  std::size_t out = 0;
  server.for_each_pool([&](const config::server_service&, const protocol::channel_counts& counts) {
    out += counts.idle;
  });
  return out;
}

}  // namespace

TEST_CASE("shortage: a server accepts as many visitors as can have a data channel") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  auto& net = tunnel.world.net();
  // 20 in reserve, 2 listeners, a control channel: 57 for 28 visitors.
  net.limit_descriptors("server", 80);
  tunnel.start_all();
  CHECK(tunnel.run_until([&] { return idle_channels(*tunnel.server) == 8; }) == sim::outcome::done);
  std::vector<sim::stream> visitors;
  for (int i = 0; i < 100; ++i) {
    visitors.push_back(tunnel.bench.must(tunnel.arrive()));
    const std::size_t held = net.held("server", "client") + net.held("server", "visitor");
    CHECK(held <= 80 - 20);
  }
  tunnel.world.run_for(1s);
  const auto& events = tunnel.server->events;
  CHECK(events.count<server_side::forward_started>() == 28);
  CHECK(events.count<server_side::visitor_refused>() == 72);
  CHECK(events.last_error<server_side::visitor_refused>() == std::errc::too_many_files_open);
  // Active visitors are not affected.
  auto& early = visitors.front();
  const std::string question = "still there?";
  tunnel.bench.must(early.write(test::bytes(question)));
  CHECK(tunnel.bench.must(read_once(early)) == question);
  // Once the load is gone a new visitor is served at once, and the idle channels return.
  visitors.clear();
  CHECK(tunnel.serves_again(1s));
  CHECK(tunnel.run_until([&] { return idle_channels(*tunnel.server) == 8; }, 10s) ==
        sim::outcome::done);
  tunnel.stop_all();
}

TEST_CASE("shortage: a client dials only if it can also connect to the service") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  auto& net = tunnel.world.net();
  net.limit_descriptors("client", 80);
  tunnel.server_settings.services[0].pool.visitor_timeout = 2s;
  tunnel.start_all();
  std::vector<sim::stream> visitors;
  for (int i = 0; i < 100; ++i) visitors.push_back(tunnel.bench.must(tunnel.arrive()));
  tunnel.world.run_for(1s);
  // 20 in reserve, a control channel: 59 for 29 data channels and as many local connections, and one
  // more that changes hands while another is dialled.
  CHECK(tunnel.server->events.count<server_side::forward_started>() <= 30);
  CHECK(tunnel.server->events.count<server_side::forward_started>() >= 20);
  CHECK(net.held("client", "server") <= 1 + 30);
  tunnel.world.run_for(2s);
  visitors.clear();
  CHECK(tunnel.serves_again(1s));
  tunnel.stop_all();
}

TEST_CASE(
    "shortage: an accept without a descriptor is retried once idle channels have been closed") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  // The number of operations before the accept is the same for each visitor.
  for (const unsigned at_once : {0U, 1000U}) {
    CAPTURE(at_once);
    sim_tunnel tunnel(seed);
    tunnel.world.net().complete_at_once(at_once);
    tunnel.start_all();
    CHECK(tunnel.run_until([&] { return idle_channels(*tunnel.server) == 8; }) ==
          sim::outcome::done);
    auto& operations = tunnel.world.net().operations("server");
    const auto& events = tunnel.server->events;
    // One of the next operations is the accept; no visitor is lost whichever fails.
    bool yielded = false;
    for (std::uint64_t next = 1; next <= 12; ++next) {
      CAPTURE(next);
      const std::size_t sessions = events.count<server_side::control_channel_closed>();
      auto visitor = tunnel.bench.begin(tunnel.visit("hello"));
      operations.fail_at(operations.count() + next, std::errc::too_many_files_open);
      const time_point before = tunnel.world.now();
      tunnel.run_until([&] { return visitor->has_value(); }, 1min);
      // If a control channel ends, its idle data channels end too, which would prove nothing.
      const bool same_session = events.count<server_side::control_channel_closed>() == sessions;
      yielded = yielded || (same_session && idle_channels(*tunnel.server) == 0);
      CHECK(tunnel.world.now() - before < 10s);
      // The failed operation may have been the control channel's.
      CHECK(tunnel.serves_again(15s));
      tunnel.world.run_for(15s);
    }
    CHECK(yielded);
    CHECK(events.count<server_side::accept_failed>() == 0);
    CHECK(tunnel.serves_again(1s));
    tunnel.stop_all();
  }
}
