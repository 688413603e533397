// The machine driver, with slow writes.

#include "support/sim_world.hpp"

#include <rathole/core/byte_buffer.hpp>
#include <rathole/io/stream/machine_driver.hpp>

using namespace rathole;
using namespace std::chrono_literals;
using test::bytes;

namespace {

/// A machine that sends what it is given, and has no events.
struct web_visitor {
  using event = int;
  byte_buffer out = {};

  [[nodiscard]] std::size_t wanted() const { return 1; }
  std::size_t feed(byte_view in) { return std::min(in.size(), wanted()); }
  result<std::optional<event>> poll(time_point) { return std::nullopt; }
  bool transmit(byte_buffer& to) { return out.drain_into(to); }
  [[nodiscard]] std::optional<time_point> deadline() const { return std::nullopt; }
};

using driver_type = io::machine_driver<web_visitor, sim::stream, sim::runtime>;

}  // namespace

TEST_CASE("machine_driver: output added during a write is sent without another wake-up") {
  test::sim_bench bench;
  sim::link_conditions narrow;
  narrow.window = 4;
  bench.world.net().set_conditions(narrow);
  test::sim_connection pair(bench);
  web_visitor machine;
  driver_type driver(bench.client, pair.near, machine);

  machine.out.append(bytes("first "));
  const auto running = bench.begin(driver.next());
  bench.world.run_for(1s);
  REQUIRE(machine.out.empty());
  machine.out.append(bytes("second"));
  driver.wake();
  const auto received = bench.begin(test::read_all(pair.far));
  bench.world.run_for(5s);
  CHECK(machine.out.empty());
  pair.near.close();
  CHECK(bench.get(received) == std::string("first second"));
  CHECK(bench.get(running).error() == errc::stopped);
}

TEST_CASE("machine_driver: output added during a wait is sent at the wake-up") {
  test::sim_bench bench;
  test::sim_connection pair(bench);
  web_visitor machine;
  driver_type driver(bench.client, pair.near, machine);

  const auto running = bench.begin(driver.next());
  bench.world.run_for(1s);
  machine.out.append(bytes("late"));
  driver.wake();
  CHECK(bench.must(test::read_once(pair.far)) == "late");
  pair.near.close();
  CHECK(bench.get(running).error() == errc::stopped);
}

TEST_CASE("machine_driver: a peer that does not read is given up after machine_write_timeout") {
  for (const bool reads_late : {false, true}) {
    CAPTURE(reads_late);
    test::sim_bench bench;
    sim::link_conditions narrow;
    narrow.window = 4;
    bench.world.net().set_conditions(narrow);
    test::sim_connection pair(bench);
    web_visitor machine;
    driver_type driver(bench.client, pair.near, machine);
    const auto began = bench.world.now();
    machine.out.append(bytes("commands"));
    const auto running = bench.begin(driver.next());
    if (reads_late) {
      bench.world.run_for(io::machine_write_timeout - 1s);
      bench.must(test::read_once(pair.far));
      bench.world.run_for(1h);
      CHECK_FALSE(running->has_value());
      pair.near.close();
    }
    CHECK(bench.get(running).error() == (reads_late ? errc::stopped : errc::timed_out));
    if (!reads_late) CHECK(bench.world.now() == began + io::machine_write_timeout);
    CHECK_FALSE(pair.near.is_open());
  }
}
