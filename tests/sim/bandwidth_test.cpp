// The bandwidth of a service: how fast its connections are together, each way, and what each gets of it.

#include "support/sim_tunnel.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using test::sim_tunnel;

namespace {

constexpr std::uint64_t rate = 100'000;

/// Sends a lot, whatever it gets.
io::awaitable<void> source(sim::stream stream) {
  const std::vector<std::uint8_t> much(4096, 'x');
  for (;;) {
    const auto sent = co_await stream.write(much);
    if (!sent) co_return;
  }
}

/// Reads to the end, and then answers with the number of bytes.
io::awaitable<void> sink(sim::stream stream) {
  const auto all = co_await test::read_all(stream);
  if (!all) co_return;
  const std::string count = std::to_string(all->size());
  const auto sent = co_await stream.write(test::bytes(count));
  if (sent) co_await stream.shutdown_send();
}

/// A visitor that reads all it gets, and counts it.
struct reader {
  reader(sim_tunnel& tunnel, duration pause_of = {})
      : stream(tunnel.bench.must(tunnel.arrive())), runtime(tunnel.world.make_runtime("visitor")) {
    tunnel.bench.tasks.spawn(run(*this, pause_of));
  }
  static io::awaitable<void> run(reader& self, duration pause_of) {
    const std::stop_token never;
    std::uint8_t buffer[4096];
    for (;;) {
      if (pause_of > duration::zero()) co_await io::pause(self.runtime, pause_of, never);
      const auto count = co_await self.stream.read_some(buffer);
      if (!count || *count == 0) break;
      self.got += *count;
    }
    self.has_ended = true;
  }
  sim::stream stream;
  sim::runtime runtime;
  std::uint64_t got = 0;
  bool has_ended = false;
};

struct limited_tunnel : sim_tunnel {
  limited_tunnel(std::uint64_t seed, const bandwidth_limit& limit) : sim_tunnel(seed) {
    web.bandwidth = limit;
  }
  void start(io::awaitable<void> (*serve)(sim::stream)) {
    start_service("client", serve);
    start_both();
  }
  void finish(std::vector<std::unique_ptr<reader>>& readers) {
    for (auto& each : readers) each->stream.abort();
    run_until([&] {
      return std::ranges::all_of(readers, [](const auto& each) { return each->has_ended; });
    });
    readers.clear();
    stop_all();
  }
  config::server_service& web = server_settings.services[0];
};

bool is_near(std::uint64_t bytes, double wanted, double tolerance = 0.05) {
  const auto is = static_cast<double>(bytes);
  return is > wanted * (1 - tolerance) && is < wanted * (1 + tolerance);
}

}  // namespace

TEST_CASE("bandwidth: what visitors get is within 5 % of the limit in 10 s, in fair parts") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  limited_tunnel tunnel(seed, {.out = rate});
  tunnel.start(source);
  std::vector<std::unique_ptr<reader>> readers;
  std::size_t count = 1;
  SUBCASE("one") {}
  SUBCASE("eight") { count = 8; }
  for (std::size_t i = 0; i < count; ++i) {
    readers.push_back(std::make_unique<reader>(tunnel));
  }
  tunnel.world.run_for(1s);
  std::uint64_t before = 0;
  std::vector<std::uint64_t> of_each;
  for (const auto& each : readers) {
    before += each->got;
    of_each.push_back(each->got);
  }
  tunnel.world.run_for(10s);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    sum += readers[i]->got;
    CHECK(is_near(readers[i]->got - of_each[i], 10.0 * rate / static_cast<double>(count), 0.1));
  }
  CHECK(is_near(sum - before, 10.0 * rate));
  tunnel.finish(readers);
}

TEST_CASE("bandwidth: a slow visitor leaves its part to the others") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  limited_tunnel tunnel(seed, {.out = rate});
  tunnel.start(source);
  std::vector<std::unique_ptr<reader>> readers;
  readers.push_back(std::make_unique<reader>(tunnel));
  readers.push_back(std::make_unique<reader>(tunnel, 500ms));
  // The buffers of the slow one fill.
  tunnel.world.run_for(30s);
  const std::uint64_t fast = readers[0]->got;
  const std::uint64_t slow = readers[1]->got;
  tunnel.world.run_for(10s);
  CHECK(readers[1]->got - slow < rate);
  CHECK(is_near(readers[0]->got - fast + readers[1]->got - slow, 10.0 * rate));
  tunnel.finish(readers);
}

TEST_CASE("bandwidth: what visitors send is limited by itself, and arrives complete") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  limited_tunnel tunnel(seed, {.in = rate});
  tunnel.start(sink);
  const time_point since = tunnel.world.now();
  CHECK(tunnel.bench.must(tunnel.visit(std::string(10 * rate, 'x'))) == std::to_string(10 * rate));
  const duration lasted = tunnel.world.now() - since;
  CHECK(lasted > 9500ms);
  CHECK(lasted < 10500ms);
  tunnel.stop_all();
}

TEST_CASE("bandwidth: an answer comes whole, and each way has its own limit") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  limited_tunnel tunnel(seed, {.in = rate, .out = rate});
  tunnel.start_all();
  std::string payload;
  for (int i = 0; i < 50'000; ++i) payload += std::to_string(i) + ' ';
  const time_point since = tunnel.world.now();
  CHECK(tunnel.bench.must(tunnel.visit(payload)) == payload);
  const double seconds = std::chrono::duration<double>(tunnel.world.now() - since).count();
  // Both ways at the same time, and not one after the other.
  CHECK(seconds > 0.95 * static_cast<double>(payload.size()) / rate);
  CHECK(seconds < 1.3 * static_cast<double>(payload.size()) / rate);
  tunnel.stop_all();
}

TEST_CASE(
    "bandwidth: a change applies to connections that have a limit; others keep going without") {
  const auto seed = test::scenario_seed(5);
  REPLAYABLE(seed);
  limited_tunnel tunnel(seed, {.out = rate});
  tunnel.start(source);
  std::vector<std::unique_ptr<reader>> readers;
  readers.push_back(std::make_unique<reader>(tunnel));
  tunnel.world.run_for(2s);
  const auto speed = [&] {
    const std::uint64_t before = readers[0]->got;
    tunnel.world.run_for(4s);
    return (readers[0]->got - before) / 4;
  };
  const auto apply = [&](const bandwidth_limit& limit) {
    tunnel.web.bandwidth = limit;
    tunnel.server->update(tunnel.server_settings);
    tunnel.run_until([&] { return tunnel.server->updated().has_value(); });
    tunnel.world.run_for(1s);
  };
  CHECK(is_near(speed(), rate));
  apply({.out = 3 * rate});
  CHECK(is_near(speed(), 3 * rate));
  apply({.out = rate / 2});
  CHECK(is_near(speed(), rate / 2));
  tunnel.finish(readers);
  CHECK(tunnel.server->events.count<server_side::control_channel_established>() == 1);
}

TEST_CASE("bandwidth: a connection that waits for its turn ends at once with the server") {
  const auto seed = test::scenario_seed(6);
  REPLAYABLE(seed);
  limited_tunnel tunnel(seed, {.in = 1024, .out = 1024});
  tunnel.start(source);
  std::vector<std::unique_ptr<reader>> readers;
  for (int i = 0; i < 20; ++i) readers.push_back(std::make_unique<reader>(tunnel));
  tunnel.world.run_for(10s);
  const time_point since = tunnel.world.now();
  tunnel.server->stop_now();
  tunnel.run_until([&] { return tunnel.server->ended().has_value(); });
  CHECK(tunnel.world.now() - since < 1s);
  tunnel.finish(readers);
}

TEST_CASE("bandwidth: a visitor that breaks while bytes wait, breaks its connection alone") {
  const auto seed = test::scenario_seed(7);
  REPLAYABLE(seed);
  limited_tunnel tunnel(seed, {.in = rate, .out = rate});
  tunnel.start(source);
  std::vector<std::unique_ptr<reader>> readers;
  for (int i = 0; i < 4; ++i) readers.push_back(std::make_unique<reader>(tunnel));
  tunnel.world.run_for(5s);
  readers[0]->stream.abort();
  readers[1]->stream.close();
  tunnel.world.run_for(2s);
  CHECK(tunnel.server->events.count<server_side::forward_ended>() == 2);
  const std::uint64_t before = readers[2]->got + readers[3]->got;
  tunnel.world.run_for(10s);
  CHECK(is_near(readers[2]->got + readers[3]->got - before, 10.0 * rate));
  tunnel.finish(readers);
}

TEST_CASE("bandwidth: visitors who have gone cost nothing, and are noticed while they wait") {
  const auto seed = test::scenario_seed(8);
  REPLAYABLE(seed);
  limited_tunnel tunnel(seed, {.in = 4096});
  tunnel.start_all();
  constexpr std::size_t count = 200;
  std::vector<sim::stream> visitors;
  for (std::size_t i = 0; i < count; ++i) {
    visitors.push_back(tunnel.bench.must(tunnel.arrive()));
  }
  tunnel.world.run_for(5s);
  const std::string request(1024, 'x');
  for (auto& each : visitors) tunnel.bench.must(each.write(test::bytes(request)));
  tunnel.world.run_for(200ms);
  CHECK(tunnel.server->descriptors().forwards == count);
  for (auto& each : visitors) each.abort();
  tunnel.world.run_for(500ms);
  CHECK(tunnel.server->descriptors().forwards == 0);
  CHECK(tunnel.server->events.count<server_side::forward_ended>() == count);
  const time_point since = tunnel.world.now();
  CHECK(tunnel.bench.must(tunnel.visit("honest")) == "honest");
  CHECK(tunnel.world.now() - since < 500ms);
  tunnel.stop_all();
}
