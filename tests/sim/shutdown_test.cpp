// Graceful and immediate shutdown.

#include "support/sim_tunnel.hpp"

#include <rathole/io/time/alarm.hpp>

using namespace rathole;
using namespace std::chrono_literals;
using test::bytes, test::read_all, test::read_once, test::sim_tunnel;

namespace {

/// A tunnel with one active visitor.
struct busy_tunnel : sim_tunnel {
  explicit busy_tunnel(std::uint64_t seed) : sim_tunnel(seed) {
    start_all();
    visitor.emplace(bench.must(arrive()));
    bench.must(visitor->write(bytes("begun")));
    REQUIRE(bench.must(read_once(*visitor)) == "begun");
  }

  void until_ended(const test::program& one, duration timeout) {
    const auto why = run_until([&] { return one.ended().has_value(); }, timeout);
    REQUIRE(why == sim::outcome::done);
    CHECK(*one.ended() == std::error_code());
  }

  std::optional<sim::stream> visitor;
};

/// Sends a word twice a second and reads the response, until that fails.
io::awaitable<void> exchange_words(sim::world& world, sim::stream& visitor) {
  auto runtime = world.make_runtime("visitor");
  for (;;) {
    const auto sent = co_await visitor.write(bytes("on"));
    if (!sent) break;
    const auto answer = co_await read_once(visitor);
    if (!answer) break;
    co_await io::pause(runtime, 500ms, std::stop_token());
  }
}

}  // namespace

TEST_CASE("shutdown: an active connection may finish within the grace time") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  busy_tunnel tunnel(seed);
  tunnel.server->stop();
  tunnel.client->stop();
  for (int i = 0; i < 10; ++i) {
    tunnel.world.run_for(500ms);
    tunnel.bench.must(tunnel.visitor->write(bytes("on")));
    REQUIRE(tunnel.bench.must(read_once(*tunnel.visitor)) == "on");
  }
  CHECK(tunnel.bench.get(tunnel.visit("x")).error() == std::errc::connection_refused);
  CHECK_FALSE(tunnel.server->ended());
  CHECK_FALSE(tunnel.client->ended());
  tunnel.bench.must(tunnel.visitor->write(bytes(" and done")));
  tunnel.bench.must(tunnel.visitor->shutdown_send());
  CHECK(tunnel.bench.must(read_all(*tunnel.visitor)) == " and done");
  tunnel.visitor->close();
  tunnel.until_ended(*tunnel.server, 10ms);
  tunnel.until_ended(*tunnel.client, 10ms);
  CHECK_FALSE(tunnel.server->events.last_error<server_side::forward_ended>());
  tunnel.stop_all();
}

TEST_CASE("shutdown: after the grace time an active connection is reset, however busy it is") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  busy_tunnel tunnel(seed);
  tunnel.bench.tasks.spawn(exchange_words(tunnel.world, *tunnel.visitor));
  const time_point stopped_at = tunnel.world.now();
  SUBCASE("by the server") {
    tunnel.server->stop();
    tunnel.until_ended(*tunnel.server, 11s);
  }
  SUBCASE("by the client") {
    tunnel.client->stop();
    tunnel.until_ended(*tunnel.client, 11s);
  }
  CHECK(tunnel.world.now() - stopped_at == 10s);
  tunnel.world.run_for(1s);
  CHECK(tunnel.bench.get(read_once(*tunnel.visitor)).error() == std::errc::connection_reset);
  tunnel.visitor.reset();
  tunnel.stop_all();
}

TEST_CASE("shutdown: an idle connection does not delay it") {
  const auto seed = test::scenario_seed(7);
  for (const bool by_server : {true, false}) {
    for (const duration quiet_before : {0s, 60s}) {
      for (const duration idle : {1s, 3s, 0s}) {
        REPLAYABLE(seed);
        CAPTURE(by_server);
        CAPTURE(idle.count());
        busy_tunnel tunnel(seed);
        tunnel.server_settings.shutdown_idle_timeout =
            std::chrono::duration_cast<std::chrono::milliseconds>(idle);
        tunnel.client_settings.shutdown_idle_timeout =
            std::chrono::duration_cast<std::chrono::milliseconds>(idle);
        tunnel.server->update(tunnel.server_settings);
        tunnel.client->update(tunnel.client_settings);
        tunnel.world.run_for(quiet_before);
        const time_point stopped_at = tunnel.world.now();
        test::program& stopped = by_server ? *tunnel.server : *tunnel.client;
        stopped.stop();
        tunnel.until_ended(stopped, 11s);
        CHECK(tunnel.world.now() - stopped_at == (idle == 0s ? 10s : idle));
        CHECK(tunnel.bench.get(read_once(*tunnel.visitor)).error() == std::errc::connection_reset);
        tunnel.visitor.reset();
        tunnel.stop_all();
      }
    }
  }
}

TEST_CASE("shutdown: a connection that still dials its service does not delay it") {
  const auto seed = test::scenario_seed(8);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.client_settings.services[0].local_addr = {"lan", 80};
  sim::runtime lan = tunnel.world.make_runtime("lan");
  auto listener = tunnel.bench.must(lan.listen(address{"0.0.0.0", 80}));
  tunnel.start_both();
  tunnel.world.net().partition("client", "lan");
  auto visitor = tunnel.bench.must(tunnel.arrive());
  tunnel.bench.must(visitor.write(bytes("hello")));
  tunnel.world.run_for(1s);
  const time_point stopped_at = tunnel.world.now();
  tunnel.client->stop();
  REQUIRE(tunnel.run_until([&] { return tunnel.client->ended().has_value(); }) ==
          sim::outcome::done);
  CHECK(tunnel.world.now() - stopped_at == 1s);
  visitor.close();
  listener.close();
  tunnel.stop_all();
}

TEST_CASE("shutdown: draining has no time limit until a stop is requested") {
  const auto seed = test::scenario_seed(9);
  REPLAYABLE(seed);
  busy_tunnel tunnel(seed);
  tunnel.server->drain();
  tunnel.world.run_for(1h);
  CHECK_FALSE(tunnel.server->ended());
  const time_point stopped_at = tunnel.world.now();
  tunnel.server->stop();
  tunnel.until_ended(*tunnel.server, 2s);
  CHECK(tunnel.world.now() - stopped_at == 1s);
  tunnel.visitor.reset();
  tunnel.stop_all();
}

TEST_CASE("shutdown: at once, it resets active connections") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  busy_tunnel tunnel(seed);
  SUBCASE("immediately") {}
  SUBCASE("after a graceful stop") {
    tunnel.server->stop();
    tunnel.client->stop();
    tunnel.world.run_for(1s);
  }
  tunnel.server->stop_now();
  tunnel.client->stop_now();
  tunnel.until_ended(*tunnel.server, 1ms);
  tunnel.until_ended(*tunnel.client, 1ms);
  CHECK(tunnel.bench.get(read_once(*tunnel.visitor)).error() == std::errc::connection_reset);
  tunnel.visitor.reset();
  tunnel.stop_all();
}

TEST_CASE("shutdown: a server that cannot listen ends") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  auto taken = tunnel.bench.must(tunnel.bench.server.listen(address{"0.0.0.0", 2333}));
  tunnel.start_server();
  REQUIRE(tunnel.run_until([&] { return tunnel.server->ended().has_value(); }) ==
          sim::outcome::done);
  CHECK(*tunnel.server->ended() == std::errc::address_in_use);
}

TEST_CASE(
    "shutdown: a client that is still dialling stops at once, and so does a server without "
    "clients") {
  const auto seed = test::scenario_seed(5);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_server();
  tunnel.world.net().partition("client", "server");
  tunnel.start_client();
  tunnel.world.run_for(5s);
  const time_point stopped_at = tunnel.world.now();
  tunnel.client->stop();
  tunnel.server->stop();
  REQUIRE(tunnel.run_until([&] { return tunnel.client->ended() && tunnel.server->ended(); }) ==
          sim::outcome::done);
  CHECK(tunnel.world.now() == stopped_at);
  tunnel.world.net().heal("client", "server");
  tunnel.stop_all();
}

TEST_CASE("shutdown: a program may be destroyed in any state") {
  const auto seed = test::scenario_seed(6);
  REPLAYABLE(seed);
  for (const duration moment : {0ms, 1ms, 3ms, 5ms, 8ms, 20ms, 2000ms}) {
    CAPTURE(moment.count());
    sim_tunnel tunnel(seed);
    tunnel.start_service("client", test::echo);
    tunnel.start_server();
    tunnel.start_client();
    const auto visit = tunnel.bench.begin(tunnel.visit("never mind"));
    tunnel.world.run_for(moment);
    CHECK_FALSE(tunnel.server->ended());
  }
}
