// Simulated connections satisfy the ByteStream concept.

#include "support/sim_world.hpp"

using namespace rathole;
using namespace std::chrono_literals;
using test::bytes, test::read_all, test::read_once, test::sim_bench, test::sim_connection;

TEST_CASE("sim stream: bytes arrive in order, then the end") {
  sim_bench bench;
  sim_connection pair(bench);
  CHECK(pair.near.peer() == address{"server", 80});
  CHECK(pair.far.peer().host == "client");
  CHECK(pair.far.peer().port >= 49152);

  bench.must(pair.near.write(bytes("hello, ")));
  bench.must(pair.near.write(bytes("world")));
  bench.must(pair.near.shutdown_send());
  CHECK(bench.must(read_all(pair.far)) == "hello, world");

  SUBCASE("the other direction still works") {
    bench.must(pair.far.write(bytes("and back")));
    pair.far.close();
    CHECK(bench.must(read_all(pair.near)) == "and back");
  }
  SUBCASE("writing after shutdown_send fails") {
    CHECK(bench.get(pair.near.write(bytes("x"))).error() == std::errc::broken_pipe);
  }
}

TEST_CASE("sim stream: close ends pending operations with errc::stopped") {
  sim_bench bench;
  sim_connection pair(bench);
  SUBCASE("read_some") {
    const auto reading = bench.begin(read_once(pair.near));
    bench.world.run_for(1s);
    CHECK_FALSE(reading->has_value());
    pair.near.close();
    CHECK_FALSE(reading->has_value());
    CHECK(bench.get(reading).error() == errc::stopped);
  }
  SUBCASE("wait_readable") {
    const auto waiting = bench.begin(pair.near.wait_readable());
    bench.world.run_for(1s);
    pair.near.close();
    CHECK(bench.get(waiting).error() == errc::stopped);
  }
  SUBCASE("write") {
    const std::string much(1 << 20, 'x');
    const auto writing = bench.begin(pair.near.write(bytes(much)));
    bench.world.run_for(1s);
    CHECK_FALSE(writing->has_value());
    pair.near.abort();
    CHECK(bench.get(writing).error() == errc::stopped);
  }
  CHECK_FALSE(pair.near.is_open());
  CHECK(bench.get(read_once(pair.near)).error() == errc::stopped);
}

TEST_CASE("sim stream: wait_readable consumes nothing and can be cancelled") {
  sim_bench bench;
  sim_connection pair(bench);
  const auto waiting = bench.begin(pair.near.wait_readable());
  bench.world.run_for(1s);
  CHECK_FALSE(waiting->has_value());

  SUBCASE("cancel_wait, and then the stream still works") {
    pair.near.cancel_wait();
    CHECK(bench.get(waiting).error() == errc::stopped);
    bench.must(pair.far.write(bytes("late")));
    bench.must(pair.near.wait_readable());
    CHECK(bench.must(read_once(pair.near)) == "late");
  }
  SUBCASE("bytes") {
    bench.must(pair.far.write(bytes("now")));
    CHECK(bench.get(waiting).has_value());
    CHECK(bench.must(read_once(pair.near)) == "now");
  }
  SUBCASE("the end") {
    pair.far.close();
    CHECK(bench.get(waiting).has_value());
    CHECK(pair.near.peer_has_closed());
  }
  SUBCASE("a reset") {
    pair.far.abort();
    CHECK(bench.get(waiting).has_value());
    CHECK(pair.near.peer_has_closed());
    CHECK(bench.get(read_once(pair.near)).error() == std::errc::connection_reset);
  }
}

TEST_CASE("sim stream: an end is delivered after the bytes before it") {
  sim_bench bench;
  sim_connection pair(bench);
  bench.must(pair.far.write(bytes("last words")));
  pair.far.close();
  bench.world.run_for(1s);
  CHECK_FALSE(pair.near.peer_has_closed());
  CHECK(bench.must(read_once(pair.near)) == "last words");
  CHECK(pair.near.peer_has_closed());
  CHECK(bench.must(read_once(pair.near)).empty());
}

TEST_CASE("sim stream: writing to a peer that has closed causes a reset") {
  sim_bench bench;
  sim_connection pair(bench);
  pair.far.close();
  bench.must(pair.near.write(bytes("anybody there?")));
  bench.world.run_for(1s);
  CHECK(bench.get(pair.near.write(bytes("hello?"))).error() == std::errc::connection_reset);
}

TEST_CASE("sim stream: closing with unread bytes resets the peer") {
  sim_bench bench;
  sim_connection pair(bench);
  bench.must(pair.near.write(bytes("never read")));
  bench.world.run_for(1s);
  pair.far.close();
  CHECK(bench.get(read_once(pair.near)).error() == std::errc::connection_reset);
}

TEST_CASE("sim stream: a slow reader blocks the writer") {
  sim_bench bench;
  sim::link_conditions narrow;
  narrow.window = 1000;
  bench.world.net().set_conditions(narrow);
  sim_connection pair(bench);
  const std::string much(2500, 'x');
  const auto writing = bench.begin(pair.near.write(bytes(much)));
  bench.world.run_for(1s);
  CHECK_FALSE(writing->has_value());
  CHECK(bench.must(read_once(pair.far)).size() == 1000);
  bench.world.run_for(1s);
  CHECK_FALSE(writing->has_value());
  CHECK(bench.must(read_once(pair.far)).size() == 1000);
  CHECK(bench.get(writing).has_value());
  CHECK(bench.must(read_once(pair.far)).size() == 500);
}

TEST_CASE("sim stream: destroying a stream closes it, and a moved one continues to work") {
  sim_bench bench;
  sim_connection pair(bench);
  auto reading = bench.begin(read_all(pair.near));
  bench.world.run_for(1s);
  {
    sim::stream moved = std::move(pair.far);
    CHECK_FALSE(pair.far.is_open());
    bench.must(moved.write(bytes("from elsewhere")));
  }
  CHECK(bench.get(reading) == "from elsewhere");
}
