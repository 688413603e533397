// A client with several servers, which die and return.

#include "support/sim_seeds.hpp"
#include "support/sim_tunnel.hpp"
#include "support/sim_udp_tunnel.hpp"

#include <rathole/io/stream/shared_stream.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using config::server_strategy;

namespace {

/// The longest time until the services are on a living server again: the heartbeat timeout, an
/// attempt at each server that does not answer, and the pauses between them.
constexpr auto bound = 30s;

/// Several servers s0, s1 and so on, and one client whose services "web" and "mail" visitors reach at the
/// ports 5202 and 5203 of each.
template <class Tunnel>
struct fleet : Tunnel {
  fleet(std::uint64_t seed, std::size_t count, server_strategy strategy, bool multiplex = false)
      : Tunnel(seed) {
    auto& ours = this->server_settings;
    auto& theirs = this->client_settings;
    ours.heartbeat_interval = 1s;
    ours.services.push_back(ours.services[0]);
    ours.services[1].name = "mail";
    ours.services[1].bind_addr = {"0.0.0.0", 5203};
    theirs.heartbeat_timeout = 3s;
    theirs.connect_timeout = 2s;
    theirs.services.push_back(theirs.services[0]);
    theirs.services[1].name = "mail";
    theirs.strategy = strategy;
    theirs.transport.multiplex = multiplex;
    name_servers(count);
    servers.resize(count);
  }

  void name_servers(std::size_t count) {
    address_list all;
    for (std::size_t i = 0; i < count; ++i) all.push_back({host(i), 2333});
    this->client_settings.remote_addr = all;
  }

  static std::string host(std::size_t i) { return "s" + std::to_string(i); }

  void start(std::size_t i) {
    if (i >= servers.size()) servers.resize(i + 1);
    servers[i] = test::run_server(this->world, host(i), this->server_settings);
  }

  void start_all_servers() {
    for (std::size_t i = 0; i < servers.size(); ++i) start(i);
  }

  /// Ends the server at once.
  void kill(std::size_t i) {
    servers[i]->stop_now();
    REQUIRE(this->run_until([&] { return servers[i]->ended().has_value(); }) == sim::outcome::done);
    servers[i].reset();
  }

  [[nodiscard]] bool serves(std::size_t i, duration timeout = bound) {
    return this->serves_again(timeout, {host(i), 5202}) && this->serves_again(1s, {host(i), 5203});
  }

  /// Returns how often the server has accepted a service.
  [[nodiscard]] std::size_t accepted(std::size_t i) const {
    return servers[i]->events.template count<server_side::control_channel_established>();
  }
  /// Returns how many of these control channels have ended.
  [[nodiscard]] std::size_t closed(std::size_t i) const {
    return servers[i]->events.template count<server_side::control_channel_closed>();
  }

  void finish() {
    this->client->stop();
    for (auto& each : servers) {
      if (each) each->stop();
    }
    const auto has_ended = [](const auto& each) { return !each || each->ended(); };
    REQUIRE(this->run_until([&] {
      return this->client->ended() && std::ranges::all_of(servers, has_ended);
    }) == sim::outcome::done);
    this->world.run_for(1s);
    CHECK(this->world.net().in_use().streams == 0);
    CHECK(this->world.net().in_use().timers == 0);
  }

  std::vector<std::unique_ptr<test::program>> servers;
};

using tcp_fleet = fleet<test::sim_tunnel>;

/// Takes visitors in the client's program, and ends each at once.
struct counting_receiver : client_side::stream_receiver {
  [[nodiscard]] bool has_room(std::size_t channels) const override { return channels < 4; }
  void visitor_arrived(std::shared_ptr<io::shared_stream> visitor) override {
    ++arrived;
    visitor->abort(errc::stopped);
  }
  void visitor_ended(const io::shared_stream&) override {}
  void close(std::error_code) override {}
  std::size_t arrived = 0;
};

}  // namespace

TEST_CASE("servers: failover goes to the first server that works, and stays there") {
  for (const bool multiplex : {false, true}) {
    CAPTURE(multiplex);
    const auto seed = test::scenario_seed(1);
    REPLAYABLE(seed);
    tcp_fleet fleet(seed, 3, server_strategy::failover, multiplex);
    fleet.start_service("client", test::echo);
    fleet.start(1);
    fleet.start(2);
    fleet.start_client();
    CHECK(fleet.serves(1, 3s));
    fleet.start(0);
    fleet.world.run_for(1min);
    CHECK(fleet.accepted(0) == 0);
    CHECK(fleet.accepted(2) == 0);
    fleet.kill(1);
    CHECK(fleet.serves(0));
    CHECK(fleet.accepted(2) == 0);
    fleet.start(1);
    // A server that does not answer any more.
    fleet.world.net().partition("client", "s0");
    CHECK(fleet.serves(1));
    fleet.world.net().heal("client", "s0");
    fleet.world.run_for(10s);
    CHECK(fleet.serves(1, 1s));
    CHECK(fleet.accepted(2) == 0);
    fleet.finish();
  }
}

TEST_CASE("servers: failover leaves a server that refuses all services") {
  for (const bool multiplex : {false, true}) {
    CAPTURE(multiplex);
    const auto seed = test::scenario_seed(2);
    REPLAYABLE(seed);
    tcp_fleet fleet(seed, 2, server_strategy::failover, multiplex);
    fleet.start_service("client", test::echo);
    const auto right = fleet.server_settings;
    for (auto& each : fleet.server_settings.services) each.token = secret("wrong");
    fleet.start(0);
    fleet.server_settings = right;
    fleet.start(1);
    fleet.start_client();
    CHECK(fleet.serves(1, 3s));
    // The two ends of one connection: that to the other server has ended, too.
    if (multiplex) CHECK(fleet.world.net().in_use().streams == 2);
    fleet.finish();
  }
}

TEST_CASE("servers: a UDP service fails over, and keeps its sockets to the local service") {
  const auto seed = test::scenario_seed(10);
  REPLAYABLE(seed);
  fleet<test::udp_tunnel> fleet(seed, 2, server_strategy::failover);
  fleet.start_all_servers();
  fleet.start_client();
  fleet.world.run_for(1s);
  test::udp_peer& visitor = fleet.visitor();
  const auto comes_back = [&](std::size_t i) {
    visitor.got.clear();
    visitor.send(fleet.world.net().at(fleet.host(i)).endpoint(5202), "x");
    return fleet.run_until([&] { return !visitor.got.empty(); }, 1s) == sim::outcome::done;
  };
  CHECK(comes_back(0));
  fleet.kill(0);
  fleet.world.run_for(3s);
  CHECK(comes_back(1));
  CHECK(fleet.service->from.size() == 1);
  fleet.service.reset();
  fleet.visitors.clear();
  fleet.finish();
}

TEST_CASE("servers: a service that only one server lacks does not move the others") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  tcp_fleet fleet(seed, 2, server_strategy::failover);
  fleet.start_service("client", test::echo);
  const auto both = fleet.server_settings;
  fleet.server_settings.services.pop_back();
  fleet.start(0);
  fleet.server_settings = both;
  fleet.start(1);
  fleet.start_client();
  CHECK(fleet.serves_again(3s, {"s0", 5202}));
  const auto before = fleet.accepted(0);
  fleet.world.run_for(1min);
  CHECK(fleet.accepted(0) == before);
  CHECK(fleet.serves_again(1s, {"s0", 5202}));
  CHECK_FALSE(fleet.serves_again(2s, {"s1", 5203}));
  fleet.finish();
}

TEST_CASE("servers: a client gives up after rounds of all servers") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  for (const auto strategy : {server_strategy::failover, server_strategy::all}) {
    tcp_fleet fleet(seed, 3, strategy);
    fleet.client_settings.max_retries = 2;
    fleet.start_client();
    REQUIRE(fleet.run_until([&] { return fleet.client->ended().has_value(); }, 1min) ==
            sim::outcome::done);
    CHECK(*fleet.client->ended() == errc::retries_exhausted);
    CHECK(fleet.client->events.count<client_side::control_channel_failed>() == 18);
  }
}

TEST_CASE("servers: with the strategy all, each server has the services at the same time") {
  for (const bool multiplex : {false, true}) {
    CAPTURE(multiplex);
    const auto seed = test::scenario_seed(5);
    REPLAYABLE(seed);
    tcp_fleet fleet(seed, 3, server_strategy::all, multiplex);
    fleet.start_service("client", test::echo);
    // One server that is never there, and one that does not answer.
    fleet.world.net().partition("client", "s1");
    fleet.start(0);
    fleet.start(1);
    fleet.start_client();
    CHECK(fleet.serves(0, 1s));
    fleet.start(2);
    CHECK(fleet.serves(2, 3s));
    fleet.world.net().heal("client", "s1");
    CHECK(fleet.serves(1));
    CHECK(fleet.accepted(0) == 2);
    CHECK(fleet.closed(0) == 0);
    fleet.finish();
  }
}

TEST_CASE("servers: a reload touches only the servers that it adds or removes") {
  for (const bool multiplex : {false, true}) {
    CAPTURE(multiplex);
    const auto seed = test::scenario_seed(6);
    REPLAYABLE(seed);
    tcp_fleet fleet(seed, 3, server_strategy::all, multiplex);
    fleet.start_service("client", test::echo);
    fleet.start_all_servers();
    fleet.name_servers(1);
    fleet.start_client();
    CHECK(fleet.serves(0, 1s));
    const auto update = [&] {
      fleet.client->update(fleet.client_settings);
      fleet.world.run_for(2s);
    };
    // The same single server, and another strategy.
    fleet.client_settings.strategy = server_strategy::failover;
    update();
    fleet.client_settings.strategy = server_strategy::all;
    fleet.name_servers(2);
    update();
    CHECK(fleet.serves(1, 1s));
    fleet.name_servers(3);
    update();
    CHECK(fleet.serves(2, 1s));
    // A connection through a server that is then removed goes on.
    auto running = fleet.bench.must(fleet.arrive({"s1", 5202}));
    fleet.bench.must(running.write(test::bytes("first")));
    fleet.world.run_for(1s);
    fleet.client_settings.remote_addr = address_list({address{"s2", 2333}, address{"s0", 2333}});
    update();
    CHECK(fleet.closed(1) == 2);
    CHECK(fleet.serves(0, 1s));
    CHECK(fleet.serves(2, 1s));
    for (const std::size_t each : {std::size_t{0}, std::size_t{2}}) {
      CHECK(fleet.accepted(each) == 2);
      CHECK(fleet.closed(each) == 0);
    }
    fleet.bench.must(running.write(test::bytes(" second")));
    std::uint8_t got[64];
    std::string echoed;
    while (echoed.size() < 12) {
      const auto count = fleet.bench.must(running.read_some(got));
      REQUIRE(count > 0);
      echoed.append(reinterpret_cast<const char*>(got), count);
    }
    CHECK(echoed == "first second");
    running.close();
    // One of them remains, as the only server.
    fleet.client_settings.remote_addr = {"s2", 2333};
    fleet.client_settings.strategy = server_strategy::failover;
    update();
    CHECK(fleet.closed(0) == 2);
    CHECK(fleet.closed(2) == 0);
    fleet.finish();
  }
}

TEST_CASE("servers: a reload of a client that fails over") {
  const auto seed = test::scenario_seed(7);
  REPLAYABLE(seed);
  tcp_fleet fleet(seed, 3, server_strategy::failover);
  fleet.start_service("client", test::echo);
  fleet.start(1);
  fleet.start(2);
  fleet.start_client();
  CHECK(fleet.serves(1, 3s));
  // It stays where it is, in a list of another order.
  fleet.client_settings.remote_addr = address_list({address{"s2", 2333}, address{"s1", 2333}});
  fleet.client->update(fleet.client_settings);
  fleet.world.run_for(5s);
  CHECK(fleet.accepted(1) == 2);
  CHECK(fleet.closed(1) == 0);
  // Its server is removed.
  fleet.client_settings.remote_addr = address_list({address{"s0", 2333}, address{"s2", 2333}});
  fleet.client->update(fleet.client_settings);
  CHECK(fleet.serves(2, 3s));
  CHECK(fleet.closed(1) == 2);
  fleet.finish();
}

TEST_CASE("servers: a program in the client receives the visitors of all servers") {
  const auto seed = test::scenario_seed(8);
  REPLAYABLE(seed);
  tcp_fleet fleet(seed, 2, server_strategy::all);
  const auto receiver = std::make_shared<counting_receiver>();
  fleet.client_settings.services[0].in_process = true;
  fleet.start_all_servers();
  fleet.start_client();
  fleet.client->receive_visitors("web", receiver);
  fleet.world.run_for(1s);
  for (std::size_t i = 0; i < 2; ++i) {
    for (int n = 0; n < 10; ++n) {
      (void)fleet.bench.get(fleet.visit("x", {fleet.host(i), 5202}));
    }
    CHECK(receiver->arrived == 10 * (i + 1));
  }
  fleet.kill(0);
  (void)fleet.bench.get(fleet.visit("x", {"s1", 5202}));
  CHECK(receiver->arrived == 21);
  fleet.finish();
}

TEST_CASE("servers: datagrams of the visitors of all servers find their way back") {
  const auto seed = test::scenario_seed(9);
  REPLAYABLE(seed);
  fleet<test::udp_tunnel> fleet(seed, 2, server_strategy::all);
  fleet.start_all_servers();
  fleet.start_client();
  fleet.world.run_for(1s);
  test::udp_peer& visitor = fleet.visitor();
  const auto comes_back = [&](std::size_t i, std::string_view text) {
    visitor.got.clear();
    visitor.send(fleet.world.net().at(fleet.host(i)).endpoint(5202), text);
    return fleet.run_until(
               [&] { return std::ranges::find(visitor.got, text) != visitor.got.end(); }, 2s) ==
           sim::outcome::done;
  };
  for (int n = 0; n < 3; ++n) {
    CHECK(comes_back(0, "zero"));
    CHECK(comes_back(1, "one"));
  }
  fleet.kill(0);
  CHECK(comes_back(1, "one again"));
  fleet.service.reset();
  fleet.visitors.clear();
  fleet.finish();
}

TEST_CASE("servers: random deaths of servers; failover is always back on a living one") {
  for (const auto seed : test::scenario_seeds(6)) {
    REPLAYABLE(seed);
    constexpr std::size_t count = 3;
    tcp_fleet fleet(seed, count, server_strategy::failover, seed % 2 == 0);
    sim::seeded_rng rng(seed);
    fleet.start_service("client", test::echo);
    fleet.start_all_servers();
    fleet.start_client();
    std::vector<bool> cut(count, false);
    for (int step = 0; step < 12; ++step) {
      const auto i = static_cast<std::size_t>(rng.between(0, count - 1));
      switch (rng.between(0, 2)) {
        case 0:
          if (fleet.servers[i]) {
            fleet.kill(i);
          } else {
            fleet.start(i);
          }
          break;
        case 1:
          cut[i] ? fleet.world.net().heal("client", fleet.host(i))
                 : fleet.world.net().partition("client", fleet.host(i));
          cut[i] = !cut[i];
          break;
        case 2: fleet.world.net().lose_connections("client", fleet.host(i)); break;
      }
      fleet.world.run_for(std::chrono::milliseconds(rng.between(0, 5000)));
      const auto lives = [&](std::size_t each) { return fleet.servers[each] && !cut[each]; };
      std::vector<std::size_t> living;
      for (std::size_t each = 0; each < count; ++each) {
        if (lives(each)) living.push_back(each);
      }
      if (living.empty()) continue;
      const time_point end = fleet.world.now() + bound;
      bool is_back = false;
      while (!is_back && fleet.world.now() < end) {
        is_back = std::ranges::any_of(living, [&](auto each) { return fleet.serves(each, 500ms); });
      }
      CHECK(is_back);
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (cut[i]) fleet.world.net().heal("client", fleet.host(i));
    }
    fleet.world.run_for(10s);
    fleet.finish();
  }
}

TEST_CASE("servers: random deaths of servers; no visitor of a living one is lost") {
  for (const auto seed : test::scenario_seeds(4)) {
    REPLAYABLE(seed);
    tcp_fleet fleet(seed, 3, server_strategy::all, seed % 2 == 0);
    sim::seeded_rng rng(seed);
    fleet.start_service("client", test::echo);
    fleet.start_all_servers();
    fleet.start_client();
    REQUIRE(fleet.serves(0, 3s));
    for (int step = 0; step < 30; ++step) {
      const auto i = static_cast<std::size_t>(rng.between(1, 2));
      if (rng.between(0, 1)) {
        fleet.world.net().lose_connections("client", fleet.host(i));
      } else if (fleet.servers[i]) {
        fleet.kill(i);
      } else {
        fleet.start(i);
      }
      for (int n = 0; n < 3; ++n) {
        const auto answer = fleet.bench.get(fleet.visit("are you there?", {"s0", 5202}));
        CHECK(answer == "are you there?");
        fleet.world.run_for(std::chrono::milliseconds(rng.between(0, 500)));
      }
    }
    CHECK(fleet.closed(0) == 0);
    CHECK(fleet.client->events.count<client_side::local_connect_failed>() == 0);
    fleet.finish();
  }
}
