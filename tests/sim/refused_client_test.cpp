// Clients that the server refuses.

#include "support/sim_tunnel.hpp"

using namespace rathole;
using namespace std::chrono_literals;
using test::sim_tunnel;

TEST_CASE("refusal: a wrong token and an unknown service are refused") {
  struct row {
    const char* name;
    const char* token;
    errc expected;
  };
  for (const row& wrong : {row{"web", "wrong", errc::authentication_failed},
                           row{"web", "", errc::authentication_failed},
                           row{"ghost", "correct horse", errc::service_not_exist}}) {
    CAPTURE(wrong.name);
    CAPTURE(wrong.token);
    const auto seed = test::scenario_seed(1);
    REPLAYABLE(seed);
    sim_tunnel tunnel(seed);
    const auto right = tunnel.client_settings;
    tunnel.client_settings.services[0].name = wrong.name;
    tunnel.client_settings.services[0].token = secret(wrong.token);
    tunnel.start_service("client", test::echo);
    tunnel.start_server();
    tunnel.start_client();
    tunnel.world.run_for(30s);

    const auto& at_client = tunnel.client->events;
    const auto& at_server = tunnel.server->events;
    CHECK(at_client.last_error<client_side::control_channel_failed>() == wrong.expected);
    // The pauses grow to `retry_interval` (1 s) plus jitter.
    CHECK(at_client.count<client_side::control_channel_failed>() > 24);
    CHECK(at_client.count<client_side::control_channel_failed>() < 40);
    CHECK(at_client.count<client_side::control_channel_established>() == 0);
    CHECK(at_server.count<server_side::control_channel_established>() == 0);
    CHECK(at_server.count<server_side::service_listening>() == 0);
    // The latest refusal may be in flight.
    const auto all_arrived = [&] {
      return at_server.count<server_side::authentication_failed>() +
                 at_server.count<server_side::unknown_service>() ==
             at_client.count<client_side::control_channel_failed>();
    };
    CHECK(tunnel.run_until(all_arrived, 500ms) == sim::outcome::done);
    CHECK(tunnel.bench.get(tunnel.visit("x")).error() == std::errc::connection_refused);

    tunnel.client->stop();
    tunnel.client_settings = right;
    tunnel.start_client();
    CHECK(tunnel.serves_again(3s));
    tunnel.stop_all();
  }
}

TEST_CASE("refusal: a refused client does not disturb the accepted one") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_all();
  auto wrong = tunnel.client_settings;
  wrong.services[0].token = secret("wrong");
  const auto refused_client = test::run_client(tunnel.world, "intruder", wrong);
  tunnel.world.run_for(30s);
  CHECK(tunnel.server->events.count<server_side::authentication_failed>() > 3);
  CHECK(tunnel.server->events.count<server_side::control_channel_replaced>() == 0);
  CHECK(tunnel.bench.must(tunnel.visit("still here")) == "still here");
  refused_client->stop();
  REQUIRE(tunnel.run_until([&] { return refused_client->ended().has_value(); }) ==
          sim::outcome::done);
  tunnel.stop_all();
}

TEST_CASE("refusal: a service added to the server is served within the retry interval") {
  const auto seed = test::scenario_seed(3);
  for (const bool by_token : {false, true}) {
    REPLAYABLE(seed);
    CAPTURE(by_token);
    sim_tunnel tunnel(seed);
    tunnel.start_service("client", test::echo);
    const auto right = tunnel.server_settings;
    if (by_token) {
      tunnel.server_settings.services[0].token = secret("wrong");
    } else {
      tunnel.server_settings.services.clear();
    }
    tunnel.start_server();
    tunnel.start_client();
    // Long enough for the pauses to reach their maximum.
    tunnel.world.run_for(2min);
    CHECK(tunnel.client->events.count<client_side::control_channel_established>() == 0);
    tunnel.server->update(right);
    const auto is_there = [&] {
      return tunnel.client->events.count<client_side::control_channel_established>() == 1;
    };
    const auto added = tunnel.world.now();
    REQUIRE(tunnel.run_until(is_there) == sim::outcome::done);
    CHECK(tunnel.world.now() - added < 1300ms);
    CHECK(tunnel.serves_again(1s));
    tunnel.stop_all();
  }
}

TEST_CASE("refusal: a longer retry interval applies to refusals too") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.client_settings.services[0].token = secret("wrong");
  tunnel.client_settings.services[0].retry_interval = 60s;
  tunnel.start_server();
  tunnel.start_client();
  tunnel.world.run_for(10min);
  CHECK(tunnel.client->events.count<client_side::control_channel_failed>() > 10);
  CHECK(tunnel.client->events.count<client_side::control_channel_failed>() < 20);
  tunnel.stop_all();
}
