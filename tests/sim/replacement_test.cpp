// A second client takes the service over from the first.

#include "support/sim_tunnel.hpp"

using namespace rathole;
using namespace std::chrono_literals;
using test::sim_tunnel;

namespace {

io::awaitable<void> say_second(sim::stream stream) {
  const auto question = co_await test::read_all(stream);
  if (!question) co_return;
  co_await stream.write(test::bytes("second"));
  stream.close();
}

}  // namespace

TEST_CASE("replacement: a second client takes the service over, on the same port") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_all();
  CHECK(tunnel.bench.must(tunnel.visit("first")) == "first");
  tunnel.start_service("second", say_second);

  // The first client is cut off, so that it does not take the service back.
  tunnel.world.net().partition("client", "server");
  const auto second = test::run_client(tunnel.world, "second", tunnel.client_settings);
  const auto& events = tunnel.server->events;
  REQUIRE(tunnel.run_until([&] { return events.count<server_side::service_listening>() == 2; }) ==
          sim::outcome::done);
  CHECK(events.count<server_side::control_channel_replaced>() == 1);
  CHECK(events.count<server_side::control_channel_closed>() == 1);
  CHECK(events.count<server_side::service_bind_failed>() == 0);
  CHECK(tunnel.bench.must(tunnel.visit("whose?")) == "second");

  // Neither its end nor its return disturbs the new client before it reconnects.
  second->stop();
  tunnel.world.net().heal("client", "server");
  CHECK(tunnel.serves_again(3s));
  tunnel.stop_all();
}

TEST_CASE("replacement: active connections continue") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_all();
  auto visitor = tunnel.bench.must(tunnel.arrive());
  tunnel.bench.must(visitor.write(test::bytes("before ")));
  CHECK(tunnel.bench.must(test::read_once(visitor)) == "before ");

  const auto second = test::run_client(tunnel.world, "second", tunnel.client_settings);
  const auto& events = tunnel.server->events;
  REQUIRE(tunnel.run_until([&] { return events.count<server_side::service_listening>() == 2; }) ==
          sim::outcome::done);
  tunnel.bench.must(visitor.write(test::bytes("and after")));
  CHECK(tunnel.bench.must(test::read_once(visitor)) == "and after");
  visitor.close();
  second->stop();
  REQUIRE(tunnel.run_until([&] { return second->ended().has_value(); }) == sim::outcome::done);
  tunnel.stop_all();
}

TEST_CASE("replacement: two clients that both stay take turns, ever more slowly") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_all();
  const auto second = test::run_client(tunnel.world, "second", tunnel.client_settings);
  tunnel.world.run_for(1min);
  const auto& events = tunnel.server->events;
  const std::size_t in_first_minute = events.count<server_side::control_channel_replaced>();
  CHECK(in_first_minute > 4);
  CHECK(in_first_minute < 40);
  // From then on each waits about ten seconds before it reconnects.
  tunnel.world.run_for(10min);
  CHECK(events.count<server_side::control_channel_replaced>() > in_first_minute + 40);
  CHECK(events.count<server_side::control_channel_replaced>() < in_first_minute + 140);
  CHECK(events.count<server_side::service_bind_failed>() == 0);
  second->stop();
  REQUIRE(tunnel.run_until([&] { return second->ended().has_value(); }) == sim::outcome::done);
  CHECK(tunnel.serves_again(15s));
  tunnel.stop_all();
}
