// Tunnels reconnect when one side, or the network, fails and returns.

#include "support/sim_tunnel.hpp"

using namespace rathole;
using namespace std::chrono_literals;
using test::sim_tunnel;

namespace {

// The longest pause between attempts (1 s and its jitter), and a round trip or two.
constexpr auto soon = 3s;

std::size_t times_established(const sim_tunnel& tunnel) {
  return tunnel.client->events.count<client_side::control_channel_established>();
}

}  // namespace

TEST_CASE("reconnect: a client that starts first waits for its server") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_service("client", test::echo);
  tunnel.start_client();
  tunnel.world.run_for(1min);
  CHECK(times_established(tunnel) == 0);
  CHECK(tunnel.client->events.count<client_side::control_channel_failed>() > 40);
  CHECK(tunnel.client->events.last_error<client_side::control_channel_failed>() ==
        std::errc::connection_refused);
  tunnel.start_server();
  CHECK(tunnel.serves_again(soon));
  tunnel.stop_all();
}

TEST_CASE("reconnect: the server restarts") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_all();
  tunnel.server->stop();
  REQUIRE(tunnel.run_until([&] { return tunnel.server->ended().has_value(); }) ==
          sim::outcome::done);
  tunnel.world.run_for(30s);
  CHECK(tunnel.bench.get(tunnel.visit("x")).error() == std::errc::connection_refused);
  tunnel.start_server();
  CHECK(tunnel.serves_again(soon));
  CHECK(times_established(tunnel) == 2);
  tunnel.stop_all();
}

TEST_CASE("reconnect: the client restarts") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_all();
  tunnel.client->stop();
  tunnel.world.run_for(1s);
  CHECK(tunnel.client->ended().has_value());
  CHECK(tunnel.server->events.count<server_side::control_channel_closed>() == 1);
  CHECK(tunnel.bench.get(tunnel.visit("x")).error() == std::errc::connection_refused);
  tunnel.start_client();
  CHECK(tunnel.serves_again(soon));
  tunnel.stop_all();
}

TEST_CASE("reconnect: the connections are lost") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_all();
  for (std::size_t loss = 1; loss <= 5; ++loss) {
    tunnel.world.net().lose_connections("client", "server");
    CHECK(tunnel.serves_again(soon));
    CHECK(times_established(tunnel) == loss + 1);
  }
  CHECK(tunnel.server->events.count<server_side::service_bind_failed>() == 0);
  tunnel.stop_all();
}

TEST_CASE("reconnect: pauses grow to the retry interval and have jitter") {
  const auto seed = test::scenario_seed(5);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.client_settings.services[0].retry_interval = 8s;
  tunnel.start_client();
  tunnel.world.run_for(2min);
  // 0.5 s, 1.5 s, 4.5 s, then 8 s, each with at most a fifth more or less.
  const auto attempts = tunnel.client->events.count<client_side::control_channel_starting>();
  CHECK(attempts >= 4 + 113 / 10);
  CHECK(attempts <= 4 + 115 / 6);
}
