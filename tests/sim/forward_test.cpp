// Visitors through a whole tunnel in virtual time.

#include "support/sim_tunnel.hpp"

#include <map>
#include <set>

using namespace rathole;
using namespace std::chrono_literals;
using test::bytes, test::pattern, test::read_all, test::read_once, test::sim_tunnel;

namespace {

/// Pairs the start and end events of connections by their ids.
struct pairs {
  void operator()(const sim::recorded& event) {
    if (event.name == "forward_started") {
      REQUIRE(event.id.has_value());
      CHECK(seen.insert(*event.id).second);
      open.emplace(*event.id, event.service);
    }
    if (event.name != "forward_ended") return;
    REQUIRE(event.id.has_value());
    REQUIRE(open.contains(*event.id));
    CHECK(open.at(*event.id) == event.service);
    open.erase(*event.id);
  }

  std::set<std::uint64_t> seen;
  std::map<std::uint64_t, std::string> open;
};

}  // namespace

TEST_CASE("forward: a visitor reaches the service and gets its response") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_all();
  CHECK(tunnel.bench.must(tunnel.visit("hello")) == "hello");
  CHECK(tunnel.bench.must(tunnel.visit("")) == "");
  CHECK(tunnel.client->events.count<client_side::forward_ended>() == 2);
  CHECK_FALSE(tunnel.client->events.last_error<client_side::forward_ended>());
  CHECK_FALSE(tunnel.server->events.last_error<server_side::forward_ended>());
  tunnel.stop_all();
  CHECK(*tunnel.server->ended() == std::error_code());
  CHECK(*tunnel.client->ended() == std::error_code());
}

TEST_CASE("forward: large transfers arrive whole in chunks of any size") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  sim::link_conditions rough;
  rough.max_delay = 20ms;
  rough.max_read = 3000;
  rough.window = 8000;
  tunnel.world.net().set_conditions(rough);
  tunnel.start_all();
  std::vector<test::pending<std::string>> visits;
  for (std::size_t i = 0; i < 30; ++i) {
    visits.push_back(tunnel.bench.begin(tunnel.visit(pattern(10'000 + i))));
  }
  for (std::size_t i = 0; i < 30; ++i) {
    CHECK(tunnel.bench.get(visits[i]) == pattern(10'000 + i));
  }
  tunnel.stop_all();
}

namespace {

io::awaitable<void> answer_late(sim::stream stream) {
  auto question = co_await read_all(stream);
  if (!question) co_return;
  const std::string answer = "late answer to " + *question;
  co_await stream.write(bytes(answer));
  stream.close();
}

}  // namespace

TEST_CASE("forward: half-close, with a response after the visitor's end") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_service("client", answer_late);
  tunnel.start_both();
  CHECK(tunnel.bench.must(tunnel.visit("a question")) == "late answer to a question");
}

TEST_CASE("forward: a service that is down closes the visitor's connection") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_both();
  const auto answer = tunnel.bench.get(tunnel.visit("hello?"));
  CHECK((!answer || answer->empty()));
  CHECK(tunnel.client->events.last_error<client_side::local_connect_failed>() ==
        std::errc::connection_refused);
  tunnel.start_service("client", test::echo);
  CHECK(tunnel.bench.must(tunnel.visit("hello!")) == "hello!");
  tunnel.stop_all();
}

TEST_CASE("forward: each end event names its start event, on both sides") {
  const auto seed = test::scenario_seed(20);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.server_settings.services.push_back(tunnel.server_settings.services[0]);
  tunnel.server_settings.services[1].name = "other";
  tunnel.server_settings.services[1].bind_addr = {"0.0.0.0", 5203};
  tunnel.client_settings.services.push_back(tunnel.client_settings.services[0]);
  tunnel.client_settings.services[1].name = "other";
  tunnel.start_service("client", test::echo);
  tunnel.start_server();
  tunnel.start_client();
  pairs at_server;
  pairs at_client;
  tunnel.server->events.also_notify(std::ref(at_server));
  tunnel.client->events.also_notify(std::ref(at_client));
  tunnel.world.run_for(1s);
  auto runtime = tunnel.world.make_runtime("visitor");
  std::vector<sim::stream> visitors;
  for (int i = 0; i < 20; ++i) {
    const address at{"server", static_cast<std::uint16_t>(5202 + i % 2)};
    visitors.push_back(tunnel.bench.must(runtime.connect(at, {}, tunnel.world.now() + 10s, {})));
    tunnel.bench.must(visitors.back().write(bytes("hello")));
  }
  tunnel.world.run_for(1s);
  CHECK(at_server.open.size() == 20);
  CHECK(at_client.open.size() == 20);
  // They end in another order than they began, and some are reset.
  for (std::size_t i = 0; i < visitors.size(); ++i) {
    sim::stream& each = visitors[(i * 7) % visitors.size()];
    i % 3 == 0 ? each.abort() : each.close();
    tunnel.world.run_for(100ms);
  }
  tunnel.world.run_for(1s);
  CHECK(at_server.seen.size() == 20);
  CHECK(at_client.seen.size() == 20);
  CHECK(at_server.open.empty());
  CHECK(at_client.open.empty());
  tunnel.server->events.also_notify({});
  tunnel.client->events.also_notify({});
  tunnel.stop_all();
}
