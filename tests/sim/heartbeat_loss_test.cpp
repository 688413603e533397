// Silence on the control channel.

#include "support/sim_tunnel.hpp"

using namespace rathole;
using namespace std::chrono_literals;
using test::sim_tunnel;

TEST_CASE("heartbeat: an idle tunnel stays connected") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_all();
  tunnel.world.run_for(24h);
  CHECK(tunnel.client->events.count<client_side::control_channel_established>() == 1);
  CHECK(tunnel.client->events.count<client_side::control_channel_failed>() == 0);
  CHECK(tunnel.bench.must(tunnel.visit("good morning")) == "good morning");
  tunnel.stop_all();
}

TEST_CASE("heartbeat: both sides notice a silent network, and reconnect after it") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  bool noticed_by_client = false;
  SUBCASE("the client by missing heartbeats") {
    // Its keepalive would be quicker.
    tunnel.client_settings.transport.tcp.keepalive_secs = 0s;
    noticed_by_client = true;
  }
  SUBCASE("the server by keepalive") {}
  tunnel.start_all();
  tunnel.world.run_for(1h);
  tunnel.world.net().partition("client", "server");
  const time_point cut = tunnel.world.now();

  const auto& at_client = tunnel.client->events;
  const auto& at_server = tunnel.server->events;
  const auto noticed = [&] {
    return noticed_by_client ? at_client.count<client_side::control_channel_failed>() == 1
                             : at_server.count<server_side::control_channel_closed>() == 1;
  };
  REQUIRE(tunnel.run_until(noticed) == sim::outcome::done);
  CHECK(tunnel.world.now() - cut >= 10s);
  CHECK(tunnel.world.now() - cut <= 40s);
  if (noticed_by_client) {
    CHECK(at_client.last_error<client_side::control_channel_failed>() == errc::heartbeat_timed_out);
  } else {
    CHECK(at_server.last_error<server_side::control_channel_closed>() == std::errc::timed_out);
    CHECK(tunnel.bench.get(tunnel.visit("x")).error() == std::errc::connection_refused);
  }
  tunnel.world.run_for(10min);
  // Neither side keeps data channels of an ended session: only a new attempt may exist.
  CHECK(tunnel.world.net().in_use().streams <= 1);
  tunnel.world.net().heal("client", "server");
  CHECK(tunnel.serves_again(15s));
  tunnel.stop_all();
}

TEST_CASE("heartbeat: after a time-out the server is dialled without a further pause") {
  const auto seed = test::scenario_seed(10);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.client_settings.transport.tcp.keepalive_secs = 0s;
  // Shorter than the backoff of a channel that was established.
  tunnel.server_settings.heartbeat_interval = 1s;
  tunnel.client_settings.heartbeat_timeout = 2s;
  tunnel.start_all();
  const auto& events = tunnel.client->events;
  // The same holds if it happens repeatedly.
  for (std::size_t silences = 1; silences <= 4; ++silences) {
    CAPTURE(silences);
    // The client is not notified that its connection is gone.
    tunnel.world.net().partition("client", "server");
    tunnel.server->stop_now();
    tunnel.world.run_for(1s);
    tunnel.world.net().drop();
    tunnel.world.net().heal("client", "server");
    tunnel.start_server();
    const auto is_noticed = [&] {
      return events.count<client_side::control_channel_failed>() == silences;
    };
    REQUIRE(tunnel.run_until(is_noticed) == sim::outcome::done);
    CHECK(events.last_error<client_side::control_channel_failed>() == errc::heartbeat_timed_out);
    const auto is_back = [&] {
      return events.count<client_side::control_channel_established>() == silences + 1;
    };
    CHECK(tunnel.run_until(is_back, 200ms) == sim::outcome::done);
  }
  tunnel.stop_all();
}

TEST_CASE("heartbeat: a silence shorter than the time-outs is survived") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_all();
  tunnel.world.run_for(1min);
  tunnel.world.net().partition("client", "server");
  const auto visit = tunnel.bench.begin(tunnel.visit("time limit"));
  tunnel.world.run_for(9s);
  CHECK_FALSE(visit->has_value());
  tunnel.world.net().heal("client", "server");
  CHECK(tunnel.bench.get(visit) == "time limit");
  CHECK(tunnel.client->events.count<client_side::control_channel_failed>() == 0);
  tunnel.stop_all();
}

TEST_CASE("heartbeat: a client with a time-out leaves a server without heartbeats") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.server_settings.heartbeat_interval = 0s;
  SUBCASE("with a time-out") {
    tunnel.start_all();
    tunnel.world.run_for(1min);
    CHECK(tunnel.client->events.last_error<client_side::control_channel_failed>() ==
          errc::heartbeat_timed_out);
  }
  SUBCASE("without a time-out") {
    tunnel.client_settings.heartbeat_timeout = 0s;
    tunnel.start_all();
    tunnel.world.run_for(24h);
    CHECK(tunnel.client->events.count<client_side::control_channel_failed>() == 0);
  }
  CHECK(tunnel.serves_again(3s));
  tunnel.stop_all();
}
