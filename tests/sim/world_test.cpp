// Time, names, acceptors, faults and determinism of the simulated network.

#include "support/sim_world.hpp"

#include <rathole/sim/recorder.hpp>

#include <array>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using sim::outcome;
using test::bytes, test::read_all, test::read_once, test::sim_bench, test::sim_connection;

static_assert(io::Runtime<sim::runtime>);
static_assert(Rng<sim::seeded_rng>);

TEST_CASE("sim world: timers expire in order of time, then of arming") {
  sim::world world(1);
  auto here = world.make_runtime("here");
  std::vector<int> expired;
  sim::runtime::timer late(here), early(here), also_early(here), never(here);
  late.arm(world.now() + 2s, [&] { expired.push_back(3); });
  early.arm(world.now() + 1s, [&] { expired.push_back(1); });
  also_early.arm(world.now() + 1s, [&] { expired.push_back(2); });
  never.arm(world.now() + 1s, [&] { expired.push_back(4); });
  never.disarm();
  CHECK(expired.empty());
  CHECK(world.net().in_use().timers == 3);
  CHECK(world.run_until_quiet() == outcome::quiet);
  CHECK(expired == std::vector{1, 2, 3});
  CHECK(world.elapsed() == 2s);
  CHECK(world.net().in_use() == sim::resource_counts{});
}

TEST_CASE("sim world: a timer has one callback") {
  sim::world world(1);
  auto here = world.make_runtime("here");
  int first = 0, second = 0;
  sim::runtime::timer timer(here);
  const auto rearm = [&] { timer.arm(sim::scheduler::beginning + 2s, [&] { ++second; }); };
  SUBCASE("armed again at once") {
    timer.arm(world.now() + 1s, [&] { ++first; });
    rearm();
  }
  SUBCASE("armed again at the moment of expiry") {
    world.call_at(world.now() + 1s, rearm);
    timer.arm(world.now() + 1s, [&] { ++first; });
  }
  SUBCASE("armed again by its own callback") {
    first = -1;
    timer.arm(world.now() + 1s, [&] {
      ++first;
      rearm();
    });
  }
  CHECK(world.run_until_quiet() == outcome::quiet);
  CHECK(first == 0);
  CHECK(second == 1);
  CHECK(world.elapsed() == 2s);
}

TEST_CASE("sim world: each way in which a run ends") {
  sim::world world(1);
  auto here = world.make_runtime("here");
  sim::runtime::timer timer(here);
  CHECK(world.run_until([] { return true; }) == outcome::done);
  CHECK(world.run_until([] { return false; }) == outcome::quiet);
  timer.arm(time_point::max(), [] {});
  CHECK(world.run_until([] { return false; }) == outcome::quiet);
  timer.arm(world.now() + 1min, [] {});
  CHECK(world.run_until([] { return false; }, 59s) == outcome::late);
  CHECK(world.elapsed() == 59s);
  CHECK(world.run_for(10s) == outcome::late);
  CHECK(world.elapsed() == 69s);

  std::move_only_function<void()> again = [&] { timer.arm(world.now(), [&] { again(); }); };
  again();
  CHECK(world.run_for(1s) == outcome::livelock);
}

TEST_CASE("sim world: names and ports are resolved") {
  sim_bench bench;
  auto first = bench.must(bench.server.listen(address{"0.0.0.0", 80}));
  CHECK(bench.get(bench.server.listen(address{"::", 80})).error() == std::errc::address_in_use);
  auto any = bench.must(bench.server.listen(address{"server", 0}));
  CHECK(any.local().port != 0);
  CHECK(any.local().host == "server");
  CHECK(bench.get(bench.server.listen(address{"client", 80})).error() ==
        std::errc::address_not_available);
  CHECK(bench.get(bench.server.listen(address{"nowhere", 80})).error() == errc::host_not_found);
  CHECK(bench.get(bench.dial(address{"nowhere", 80})).error() == errc::host_not_found);
  CHECK(bench.get(bench.dial(address{"localhost", 80})).error() == std::errc::connection_refused);
  CHECK(bench.get(bench.dial(any.local())).has_value());

  first.close();
  CHECK(bench.get(bench.dial(address{"server", 80})).error() == std::errc::connection_refused);
  CHECK(bench.get(bench.server.listen(address{"0.0.0.0", 80})).has_value());
}

TEST_CASE("sim world: closing an acceptor") {
  sim_bench bench;
  auto listening = bench.must(bench.server.listen(address{"0.0.0.0", 80}));
  SUBCASE("ends its accept") {
    const auto accepting = bench.begin(listening.accept());
    bench.world.run_for(1s);
    CHECK_FALSE(accepting->has_value());
    listening.close();
    CHECK(bench.get(accepting).error() == errc::stopped);
  }
  SUBCASE("resets waiting connections") {
    auto dialled = bench.must(bench.dial(address{"server", 80}));
    listening.close();
    CHECK(bench.get(read_once(dialled)).error() == std::errc::connection_reset);
  }
  CHECK(bench.get(listening.accept()).error() == errc::stopped);
}

TEST_CASE("sim world: dialling a silent host ends at the deadline, or when stopped") {
  sim_bench bench;
  auto listening = bench.must(bench.server.listen(address{"0.0.0.0", 80}));
  bench.world.net().partition("client", "server");
  const time_point deadline = bench.world.now() + 10s;
  SUBCASE("deadline") {
    CHECK(bench.get(bench.dial(address{"server", 80}, deadline)).error() == errc::timed_out);
    CHECK(bench.world.now() == deadline);
  }
  SUBCASE("stop") {
    std::stop_source stop;
    const auto dialling =
        bench.begin(bench.client.connect(address{"server", 80}, {}, deadline, stop.get_token()));
    bench.world.run_for(1s);
    stop.request_stop();
    CHECK(bench.get(dialling).error() == errc::stopped);
    CHECK(bench.world.now() < deadline);
  }
  SUBCASE("healed in time") {
    const auto dialling = bench.begin(bench.dial(address{"server", 80}, deadline));
    bench.world.run_for(9s);
    bench.world.net().heal("server", "client");
    CHECK(bench.get(dialling).has_value());
  }
  CHECK(bench.world.net().in_use().timers == 0);
}

TEST_CASE("sim world: a partition delivers nothing, and bytes sent during it arrive afterwards") {
  sim_bench bench;
  sim_connection pair(bench);
  bench.world.net().partition("client", "server");
  bench.must(pair.near.write(bytes("one ")));
  bench.must(pair.near.write(bytes("two")));
  pair.near.close();
  const auto reading = bench.begin(read_all(pair.far));
  bench.world.run_for(24h);
  CHECK_FALSE(reading->has_value());
  bench.world.net().heal("client", "server");
  CHECK(bench.get(reading) == "one two");
}

TEST_CASE("sim world: keepalive and TCP_USER_TIMEOUT notice a silent peer") {
  io::socket_options keepalive;
  keepalive.keepalive_idle = 20s;
  keepalive.keepalive_interval = 8s;
  io::socket_options user_timeout = keepalive;
  user_timeout.user_timeout = 30s;  // idle and two probes

  for (const auto& [options, limit] :
       {std::pair<io::socket_options, duration>{keepalive, 92s},
        std::pair<io::socket_options, duration>{user_timeout, 36s}}) {
    for (const bool heals : {false, true}) {
      CAPTURE(heals);
      CAPTURE(limit.count());
      sim_bench bench;
      sim_connection pair(bench);
      pair.far.apply(options);
      const auto reading = bench.begin(read_once(pair.far));
      bench.world.run_for(1s);
      bench.world.net().partition("client", "server");
      const time_point cut = bench.world.now();
      if (heals) {
        bench.world.run_for(limit - 1s);
        bench.world.net().heal("client", "server");
        bench.world.run_for(1h);
        CHECK_FALSE(reading->has_value());
      } else {
        CHECK(bench.get(reading).error() == std::errc::timed_out);
        CHECK(bench.world.now() - cut == limit);
      }
    }
  }
}

TEST_CASE("sim world: lost and refused connections") {
  sim_bench bench;
  sim_connection pair(bench);
  const auto reading = bench.begin(read_once(pair.far));
  bench.must(pair.near.write(bytes("never arrives")));
  bench.world.net().lose_connections("server", "client");
  CHECK(bench.get(reading).error() == std::errc::connection_reset);
  CHECK(bench.get(pair.near.write(bytes("x"))).error() == std::errc::connection_reset);

  bench.world.net().refuse_connections("server", true);
  CHECK(bench.get(bench.dial(address{"server", 80})).error() == std::errc::connection_refused);
  bench.world.net().refuse_connections("server", false);
  CHECK(bench.get(bench.dial(address{"server", 80})).has_value());
}

TEST_CASE("sim world: the Nth operation of a host fails") {
  sim_bench bench;
  sim_connection pair(bench);
  auto& operations = bench.world.net().operations("client");
  CHECK(operations.count() == 1);
  operations.fail_at(3, std::errc::io_error);
  bench.must(pair.near.write(bytes("second")));
  CHECK(bench.get(pair.near.write(bytes("third"))).error() == std::errc::io_error);
  CHECK(bench.get(pair.near.write(bytes("fourth"))).error() == std::errc::io_error);
  CHECK(bench.must(read_once(pair.far)) == "second");
  CHECK(bench.get(read_once(pair.far)).error() == std::errc::connection_reset);
}

namespace {

struct arrival {
  duration at;
  std::string bytes;
  bool operator==(const arrival&) const = default;
};

io::task<std::vector<arrival>> observe(sim::world& world, sim::stream& from) {
  std::vector<arrival> seen;
  for (;;) {
    auto got = co_await read_once(from);
    if (!got) co_return failure(got.error());
    if (got->empty()) co_return seen;
    seen.emplace_back(world.elapsed(), std::move(*got));
  }
}

std::vector<arrival> chunked_run(std::uint64_t seed) {
  sim_bench bench(seed);
  sim::link_conditions rough;
  rough.min_delay = 1ms;
  rough.max_delay = 90ms;
  rough.max_read = 7;
  rough.window = 20;
  bench.world.net().set_conditions(rough);
  sim_connection pair(bench);
  const auto seen = bench.begin(observe(bench.world, pair.far));
  bench.must(pair.near.write(bytes("the quick brown fox jumps over the lazy dog")));
  pair.near.close();
  return *bench.get(seen);
}

std::string joined(const std::vector<arrival>& seen) {
  std::string all;
  for (const arrival& one : seen) all += one.bytes;
  return all;
}

}  // namespace

TEST_CASE("sim world: the same seed gives the same run, another seed another") {
  const auto first = chunked_run(1);
  CHECK(first == chunked_run(1));
  const auto second = chunked_run(2);
  CHECK(first != second);
  CHECK(joined(first) == "the quick brown fox jumps over the lazy dog");
  CHECK(joined(second) == joined(first));
}

TEST_CASE("sim world: copies of a host's random source share one sequence") {
  sim_bench bench;
  auto first = bench.server.rng();
  auto second = bench.server.rng();
  std::array<std::uint8_t, 16> a{}, b{};
  first.fill(a);
  second.fill(b);
  CHECK(a != b);
}

TEST_CASE("sim world: the resource counts count what is in use") {
  sim_bench bench;
  {
    sim_connection pair(bench);
    CHECK(bench.world.net().in_use() == sim::resource_counts{2, 1, 0});
    auto waiting = bench.must(bench.dial(address{"server", 80}));
    CHECK(bench.world.net().in_use() == sim::resource_counts{4, 1, 0});
    pair.near.close();
    CHECK(bench.world.net().in_use() == sim::resource_counts{3, 1, 0});
  }
  CHECK(bench.world.net().in_use() == sim::resource_counts{});
}

namespace {

io::task<void> wait_forever(sim_bench& bench, sim::acceptor own) {
  auto near = co_await bench.dial(own.local());
  auto far = co_await own.accept();
  io::event never(bench.client.get_executor());
  sim::runtime::timer armed(bench.client);
  armed.arm(bench.world.now() + 1h, [&never] { never.notify(); });
  std::uint8_t byte[1];
  auto count = co_await near->read_some(byte);
  if (!count) co_return failure(count.error());
  co_return result<void>{};
}

}  // namespace

TEST_CASE("sim world: may end with suspended coroutines") {
  sim_bench bench;
  auto listening = bench.must(bench.server.listen(address{"server", 80}));
  const auto waiting = bench.begin(wait_forever(bench, std::move(listening)));
  bench.world.run_for(1s);
  bench.world.net().partition("client", "server");
  CHECK_FALSE(waiting->has_value());
  CHECK(bench.world.net().in_use() == sim::resource_counts{2, 1, 1});
}

namespace {
struct something_happened {
  std::string_view service;
  std::error_code error;
};
struct never_emitted {};
}  // namespace

TEST_CASE("sim recorder: keeps lines, counts and errors") {
  sim::world world(1);
  sim::recorder seen(world, "server");
  world.run_for(1500ms);
  seen.on(something_happened{"web", {}});
  CHECK(seen.last_error<something_happened>() == std::error_code());
  seen.on(something_happened{"web", make_error_code(errc::timed_out)});
  CHECK(seen.count<something_happened>() == 2);
  CHECK(seen.count<never_emitted>() == 0);
  CHECK(seen.last_error<something_happened>() == errc::timed_out);
  CHECK(seen.lines() ==
        std::vector<std::string>{"    1.500000 server something_happened web",
                                 "    1.500000 server something_happened web: timed out"});
}
