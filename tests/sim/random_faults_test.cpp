// Everything that can go wrong, at random and one by one. Whatever happens, no visitor gets a wrong
// octet, a finished answer is complete, and once the trouble is over the tunnel serves again and
// can be stopped without leaving anything behind.

#include "support/sim_tunnel.hpp"

#include <rathole/io/alarm.hpp>

using namespace rathole;
using namespace std::chrono_literals;
using test::pattern, test::sim_tunnel;

namespace {

/// What visitors found.
struct tally {
  std::size_t visits = 0;
  std::size_t complete = 0;
  std::size_t wrong = 0;
};

io::awaitable<void> keep_visiting(sim_tunnel& tunnel, std::uint64_t number, const bool& over,
                                  tally& found) {
  sim::scripted_rng rng(number);
  io::event wake(tunnel.bench.client.get_executor());
  for (;;) {
    if (over) co_return;
    const std::string payload = pattern(rng.between(1, 20'000));
    const auto answer = co_await tunnel.visit(payload);
    ++found.visits;
    if (answer && *answer == payload) ++found.complete;
    if (answer && !payload.starts_with(*answer)) ++found.wrong;
    const duration pause = std::chrono::milliseconds(rng.between(1, 2000));
    co_await io::sleep_until(tunnel.bench.client, tunnel.world.now() + pause, wake);
  }
}

/// One trouble and its end.
void trouble(sim_tunnel& tunnel, sim::scripted_rng& rng) {
  auto& net = tunnel.world.net();
  const std::string_view other = rng.between(0, 1) ? "client" : "visitor";
  const duration length = std::chrono::milliseconds(rng.between(1, 50'000));
  switch (rng.between(0, 6)) {
    case 0: net.lose_connections(other, "server"); break;
    case 1: net.lose_connections("client", "client"); break;
    case 2:
      net.partition(other, "server");
      tunnel.world.run_for(length);
      net.heal(other, "server");
      break;
    case 3:
      net.refuse_connections("server", true);
      tunnel.world.run_for(length);
      net.refuse_connections("server", false);
      break;
    case 4: {
      auto& operations = net.operations(rng.between(0, 1) ? "client" : "server");
      operations.fail_at(operations.count() + rng.between(1, 200), asio::error::connection_reset);
      break;
    }
    case 5:
      tunnel.client->stop();
      tunnel.world.run_for(length);
      tunnel.start_client();
      break;
    case 6:
      tunnel.server->stop_now();
      tunnel.world.run_for(length);
      tunnel.start_server();
      break;
  }
}

/// Requires that, with no visitor there, only the control channel and the pool's data channels are
/// in use, with two ends each: whatever died, or came twice because it was late, is gone.
void check_steady(sim_tunnel& tunnel) {
  tunnel.world.run_for(2min);
  const std::size_t pool = tunnel.server_settings.services[0].pool.size;
  CHECK(tunnel.world.net().in_use().streams == 2 * (1 + pool));
}

}  // namespace

TEST_CASE("random faults: no wrong octet, no lasting harm") {
  for (const std::uint64_t seed : test::scenario_seeds(25)) {
    REPLAYABLE(seed);
    sim_tunnel tunnel(seed);
    sim::scripted_rng rng(seed);
    sim::link_conditions rough;
    rough.longest_delay = std::chrono::milliseconds(rng.between(5, 80));
    rough.longest_read = rng.between(1'000, 20'000);
    rough.window = rng.between(2'000, 100'000);
    tunnel.world.net().set_conditions(rough);
    tunnel.start_all();

    bool over = false;
    tally found;
    io::task_group visitors(tunnel.world.get_executor());
    for (int i = 0; i < 4; ++i) {
      visitors.spawn(keep_visiting(tunnel, rng.next(), over, found));
    }
    for (int i = 0; i < 20; ++i) {
      tunnel.world.run_for(std::chrono::milliseconds(rng.between(1, 10'000)));
      trouble(tunnel, rng);
    }
    CHECK(tunnel.serves_again(1min));
    const std::size_t before = found.complete;
    CHECK(tunnel.run_until([&] { return found.complete >= before + 8; }) == sim::outcome::done);
    over = true;
    CHECK(tunnel.run_until([&] { return visitors.size() == 0; }) == sim::outcome::done);
    CHECK(found.wrong == 0);
    check_steady(tunnel);
    tunnel.stop_all();
  }
}

namespace {

/// A small tunnel's life, in which operation `failing` of `host` fails. Returns how many
/// operations the host made.
std::uint64_t sweep_step(std::string_view host, std::uint64_t failing, std::error_code error) {
  sim_tunnel tunnel(1);
  tunnel.server_settings.services[0].pool.size = 2;
  auto& operations = tunnel.world.net().operations(host);
  operations.fail_at(failing, error);
  tunnel.start_service("client", test::echo);
  tunnel.start_server();
  tunnel.start_client();
  const auto first = tunnel.bench.begin(tunnel.visit("too early"));
  tunnel.world.run_for(500ms);
  if (tunnel.server->ended()) {
    // The one operation that the server does not survive.
    CHECK(*tunnel.server->ended() == error);
    tunnel.start_server();
  }
  const auto second = tunnel.bench.begin(tunnel.visit("in the middle"));
  tunnel.world.run_for(500ms);
  const std::uint64_t made = operations.count();

  CHECK(tunnel.serves_again(30s));
  for (const auto& visit : {first, second}) {
    REQUIRE(tunnel.run_until([&] { return visit->has_value(); }) == sim::outcome::done);
  }
  if (**second) CHECK(std::string_view("in the middle").starts_with((*second)->value()));
  tunnel.stop_all();
  return made;
}

}  // namespace

TEST_CASE("fault sweep: each operation fails once") {
  for (const std::string_view host : {"server", "client"}) {
    const std::uint64_t operations = sweep_step(host, 0, {});
    CHECK(operations > 20);
    for (std::uint64_t failing = 1; failing <= operations; ++failing) {
      for (const asio::error::basic_errors why :
           {asio::error::connection_reset, asio::error::no_descriptors}) {
        CAPTURE(host);
        CAPTURE(failing);
        CAPTURE(why);
        sweep_step(host, failing, why);
      }
    }
  }
}

TEST_CASE("random faults: the same seed gives the same story") {
  const auto story = [](std::uint64_t seed) {
    sim_tunnel tunnel(seed);
    sim::scripted_rng rng(seed);
    tunnel.start_all();
    for (int i = 0; i < 10; ++i) {
      tunnel.world.run_for(1s);
      trouble(tunnel, rng);
      tunnel.serves_again(10s);
    }
    std::vector<std::string> all = tunnel.server->events.lines();
    const auto& more = tunnel.client->events.lines();
    all.insert(all.end(), more.begin(), more.end());
    all.push_back(std::to_string(tunnel.world.steps()));
    return all;
  };
  CHECK(story(7) == story(7));
  CHECK(story(7) != story(8));
}
