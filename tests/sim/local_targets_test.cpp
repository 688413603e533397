// Visitors of a service with several local addresses, of which some fail.

#include "../support/sim_seeds.hpp"
#include "../support/sim_tunnel.hpp"

#include <rathole/client/events.hpp>
#include <rathole/core/random.hpp>
#include <rathole/sim/seeded_rng.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;

const std::vector<std::string> hosts{"a", "b", "c"};

/// Says which host serves, then reads to the end.
io::awaitable<void> greet(sim::stream stream, std::string name) {
  co_await stream.write(bytes(name));
  co_await stream.shutdown_send();
  co_await read_all(stream);
  stream.close();
}

io::awaitable<void> serve(sim::runtime on, io::task_group& group, std::string name) {
  const address at{"0.0.0.0", 8080};
  auto acceptor = co_await on.listen(at);
  if (!acceptor) acceptor = co_await on.listen(at);
  for (;;) {
    auto stream = co_await acceptor->accept();
    if (stream) group.spawn(greet(std::move(*stream), name));
  }
}

struct spread_tunnel : sim_tunnel {
  explicit spread_tunnel(std::uint64_t seed) : sim_tunnel(seed) {
    config::client_service& service = client_settings.services.front();
    service.local_addr = {};
    for (const std::string& each : hosts) {
      bench.tasks.spawn(serve(world.make_runtime(each), bench.tasks, each));
      service.local_addr.push_back({each, 8080});
    }
  }
  /// Returns which host serves a visitor; empty if none does.
  std::string served_by() {
    const auto answer = bench.get(visit(""));
    return answer ? *answer : std::string();
  }
};

TEST_CASE("local targets: visitors are spread evenly") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  spread_tunnel tunnel(seed);
  tunnel.start_both();
  std::map<std::string, int> visitors;
  for (int i = 0; i < 30; ++i) ++visitors[tunnel.served_by()];
  CHECK(visitors == std::map<std::string, int>{{"a", 10}, {"b", 10}, {"c", 10}});
}

TEST_CASE("local targets: no visitor is lost while one address works") {
  for (const std::uint64_t seed : test::scenario_seeds(20)) {
    REPLAYABLE(seed);
    spread_tunnel tunnel(seed);
    sim::seeded_rng rng(seed);
    const auto draw = [&rng](std::uint64_t below) {
      return static_cast<std::uint64_t>(uniform(rng) * static_cast<double>(below));
    };
    config::client_service& service = tunnel.client_settings.services.front();
    const bool is_failover = draw(2) == 0;
    if (is_failover) service.strategy = config::local_strategy::failover;
    if (draw(2) == 0)
      service.check = config::health_check{.interval = 1s, .timeout = 1s, .fall = 1};
    tunnel.start_both();
    auto& net = tunnel.world.net();
    std::array<bool, 3> is_down{};
    for (int i = 0; i < 60; ++i) {
      const std::size_t which = draw(3);
      const bool is_last = std::ranges::count(is_down, false) == 1 && !is_down[which];
      if (!is_last && draw(3) == 0) {
        is_down[which] = !is_down[which];
        // Silent, or by an answer.
        if (!is_down[which]) {
          net.heal("client", hosts[which]);
          net.refuse_connections(hosts[which], false);
        } else if (draw(2) == 0) {
          net.partition("client", hosts[which]);
        } else {
          net.refuse_connections(hosts[which], true);
        }
      }
      const std::string name = tunnel.served_by();
      const auto found = std::ranges::find(hosts, name);
      CAPTURE(i);
      REQUIRE(found != hosts.end());
      CHECK_FALSE(is_down[static_cast<std::size_t>(found - hosts.begin())]);
      tunnel.world.run_for(std::chrono::milliseconds(draw(1500)));
    }
    CHECK(tunnel.client->events.count<client_side::local_connect_failed>() == 0);
    tunnel.client->stop();
    tunnel.server->stop();
  }
}

TEST_CASE("local targets: with health checks visitors do not find out that an address is down") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  spread_tunnel tunnel(seed);
  tunnel.client_settings.services.front().check =
      config::health_check{.interval = 1s, .timeout = 1s, .fall = 2, .rise = 2};
  tunnel.start_both();
  tunnel.world.net().partition("client", "a");
  tunnel.world.run_for(5s);
  CHECK(tunnel.client->events.count<client_side::local_target_changed>() == 1);
  for (int i = 0; i < 10; ++i) {
    const time_point before = tunnel.world.now();
    CHECK(tunnel.served_by() != "a");
    CHECK(tunnel.world.now() - before < 1s);
  }
  tunnel.world.net().heal("client", "a");
  tunnel.world.run_for(10s);
  CHECK(tunnel.client->events.count<client_side::local_target_changed>() == 2);
  std::map<std::string, int> visitors;
  for (int i = 0; i < 9; ++i) ++visitors[tunnel.served_by()];
  CHECK(visitors["a"] == 3);
}

TEST_CASE("local targets: an address that is down is reported as up if its check is removed") {
  const auto seed = test::scenario_seed(5);
  REPLAYABLE(seed);
  spread_tunnel tunnel(seed);
  auto& check = tunnel.client_settings.services.front().check;
  check = config::health_check{.interval = 1s, .fall = 1};
  tunnel.world.net().refuse_connections("a", true);
  tunnel.start_both();
  const auto changes = [&] {
    return tunnel.client->events.count<client_side::local_target_changed>();
  };
  REQUIRE(tunnel.run_until([&] { return changes() == 1; }) == sim::outcome::done);
  check.reset();
  tunnel.client->update(tunnel.client_settings);
  CHECK(tunnel.run_until([&] { return changes() == 2; }, 1s) == sim::outcome::done);
}

TEST_CASE("local targets: a reload changes addresses and checks, and touches no connection") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  spread_tunnel tunnel(seed);
  tunnel.start_both();
  auto stays = tunnel.bench.must(tunnel.arrive());
  tunnel.world.run_for(1s);
  config::client next = tunnel.client_settings;
  config::client_service& service = next.services.front();
  service.local_addr = address("c", 8080);
  service.check = config::health_check{.interval = 1s};
  tunnel.client->update(next);
  tunnel.world.run_for(1s);
  for (int i = 0; i < 6; ++i) CHECK(tunnel.served_by() == "c");
  CHECK(tunnel.client->events.count<client_side::control_channel_established>() == 1);
  CHECK(stays.is_open());
  CHECK(tunnel.client->events.count<client_side::forward_ended>() == 6);
  // Checks end with the client.
  tunnel.client->stop();
  REQUIRE(tunnel.run_until([&] { return tunnel.client->ended(); }) == sim::outcome::done);
}

}  // namespace
}  // namespace rathole::test
