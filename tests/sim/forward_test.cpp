// Visitors through a whole tunnel in virtual time.

#include "support/sim_tunnel.hpp"

using namespace rathole;
using namespace std::chrono_literals;
using test::octets, test::pattern, test::read_all, test::read_once, test::sim_tunnel;

TEST_CASE("forward: a visitor reaches the service and back") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_all();
  CHECK(tunnel.bench.must(tunnel.visit("hello")) == "hello");
  CHECK(tunnel.bench.must(tunnel.visit("")) == "");
  CHECK(tunnel.client->events.count<client::forward_ended>() == 2);
  CHECK_FALSE(tunnel.client->events.last_error<client::forward_ended>());
  CHECK_FALSE(tunnel.server->events.last_error<server::forward_ended>());
  tunnel.stop_all();
  CHECK(*tunnel.server->ended() == std::error_code());
  CHECK(*tunnel.client->ended() == std::error_code());
}

TEST_CASE("forward: much at once, in rough chunks") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  sim::link_conditions rough;
  rough.longest_delay = 20ms;
  rough.longest_read = 3000;
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
  co_await stream.write(octets(answer));
  stream.close();
}

}  // namespace

TEST_CASE("forward: half-close, with an answer after the visitor's end") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_service("client", answer_late);
  tunnel.start_both();
  CHECK(tunnel.bench.must(tunnel.visit("a question")) == "late answer to a question");
}

TEST_CASE("forward: the service is down") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_both();
  const auto answer = tunnel.bench.get(tunnel.visit("hello?"));
  CHECK((!answer || answer->empty()));
  CHECK(tunnel.client->events.last_error<client::local_connect_failed>() ==
        std::errc::connection_refused);
  tunnel.start_service("client", test::echo);
  CHECK(tunnel.bench.must(tunnel.visit("hello!")) == "hello!");
  tunnel.stop_all();
}
