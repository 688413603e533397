// A stream of a multiplexed connection satisfies the ByteStream concept.

#include "support/mux_pair.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>

using namespace rathole;
using namespace std::chrono_literals;
using test::bytes, test::mixed_bytes, test::read_some, test::read_to_end, test::sim_mux,
    test::write_and_end;

TEST_CASE("mux stream: bytes arrive in order, then the end, in each direction") {
  sim_mux both;
  auto [near, far] = both.open();
  CHECK(near.peer() == address{"server", 80});
  CHECK(far.peer().host == "client");

  both.bench.must(near.write(bytes("hello, ")));
  both.bench.must(near.write(bytes("world")));
  both.bench.must(near.shutdown_send());
  CHECK(both.bench.must(read_to_end(far)) == "hello, world");
  CHECK(both.bench.get(near.write(bytes("x"))).error() == std::errc::broken_pipe);

  // The other direction still works.
  both.bench.must(far.write(bytes("and back")));
  CHECK(both.bench.must(read_some(near)) == "and back");
  CHECK_FALSE(near.peer_has_closed());
  far.close();
  CHECK(both.bench.must(read_to_end(near)).empty());
  CHECK(near.peer_has_closed());
  near.close();
  both.bench.world.run_for(1s);
  CHECK(both.client->streams() == 0);
  CHECK(both.server->streams() == 0);
}

TEST_CASE("mux stream: a moved stream works, a destroyed one is closed, and peers can be named") {
  sim_mux both;
  auto [near, far] = both.open();
  const auto reading = both.bench.begin(read_to_end(near));
  both.bench.world.run_for(1s);
  {
    io::mux_stream moved = std::move(far);
    CHECK_FALSE(far.is_open());
    moved.set_peer({"elsewhere", 7});
    CHECK(moved.peer() == address{"elsewhere", 7});
    io::mux_stream again = moved.move_to(both.bench.server);
    CHECK(again.peer() == address{"elsewhere", 7});
    both.bench.must(again.write(bytes("from elsewhere")));
  }
  CHECK(both.bench.get(reading) == "from elsewhere");
}

TEST_CASE("mux stream: close and abort end running operations with errc::stopped") {
  sim_mux both;
  auto [near, far] = both.open();
  SUBCASE("read_some") {
    const auto reading = both.bench.begin(read_some(near));
    both.bench.world.run_for(1s);
    CHECK_FALSE(reading->has_value());
    near.close();
    CHECK(both.bench.get(reading).error() == errc::stopped);
  }
  SUBCASE("wait_readable") {
    const auto waiting = both.bench.begin(near.wait_readable());
    both.bench.world.run_for(1s);
    near.close();
    CHECK(both.bench.get(waiting).error() == errc::stopped);
  }
  SUBCASE("write") {
    const std::string much = mixed_bytes(1 << 20, 1);
    const auto writing = both.bench.begin(near.write(bytes(much)));
    both.bench.world.run_for(1s);
    CHECK_FALSE(writing->has_value());
    near.abort();
    CHECK(both.bench.get(writing).error() == errc::stopped);
  }
  SUBCASE("both, and the stream is destroyed") {
    const std::string much = mixed_bytes(1 << 20, 1);
    const auto reading = both.bench.begin(read_some(near));
    const auto writing = both.bench.begin(near.write(bytes(much)));
    both.bench.world.run_for(1s);
    {
      const io::mux_stream gone = std::move(near);
    }
    CHECK(both.bench.get(reading).error() == errc::stopped);
    CHECK(both.bench.get(writing).error() == errc::stopped);
  }
  CHECK_FALSE(near.is_open());
}

TEST_CASE("mux stream: wait_readable consumes nothing and can be cancelled") {
  sim_mux both;
  auto [near, far] = both.open();
  const auto waiting = both.bench.begin(near.wait_readable());
  both.bench.world.run_for(1s);
  CHECK_FALSE(waiting->has_value());
  SUBCASE("cancel_wait, and then the stream still works") {
    near.cancel_wait();
    CHECK(both.bench.get(waiting).error() == errc::stopped);
    both.bench.must(far.write(bytes("late")));
    both.bench.must(near.wait_readable());
    CHECK(both.bench.must(read_some(near)) == "late");
  }
  SUBCASE("bytes") {
    both.bench.must(far.write(bytes("now")));
    CHECK(both.bench.get(waiting).has_value());
    std::uint8_t buffer[8];
    const auto taken = near.read_now(buffer);
    REQUIRE(taken);
    CHECK(*taken == std::size_t{3});
    CHECK_FALSE(near.read_now(buffer));
  }
  SUBCASE("the end") {
    far.close();
    CHECK(both.bench.get(waiting).has_value());
    CHECK(near.peer_has_closed());
  }
  SUBCASE("a reset") {
    far.abort();
    CHECK(both.bench.get(waiting).has_value());
    CHECK(near.peer_has_closed());
    CHECK(both.bench.get(read_some(near)).error() == std::errc::connection_reset);
    CHECK(both.bench.get(near.write(bytes("x"))).error() == std::errc::connection_reset);
  }
}

TEST_CASE("mux stream: what is not ended in order is reset") {
  sim_mux both;
  auto [near, far] = both.open();
  SUBCASE("closed with unread bytes") {
    both.bench.must(near.write(bytes("never read")));
    both.bench.world.run_for(1s);
    far.close();
  }
  SUBCASE("closed, and then bytes arrive") {
    far.close();
    both.bench.world.run_for(1s);
    CHECK(both.bench.must(read_to_end(near)).empty());
    both.bench.must(near.write(bytes("anybody there?")));
    both.bench.world.run_for(1s);
    CHECK(both.bench.get(near.write(bytes("x"))).error() == std::errc::connection_reset);
  }
  SUBCASE("closed with reset_on_close") {
    both.bench.must(far.write(bytes("a part")));
    both.bench.must(far.shutdown_send());
    both.bench.world.run_for(1s);
    io::socket_options traffic;
    traffic.reset_on_close = true;
    far.apply(traffic);
    far.close();
  }
  SUBCASE("aborted after bytes") {
    both.bench.must(far.write(bytes("a part")));
    far.abort();
  }
  both.bench.world.run_for(1s);
  CHECK(both.bench.get(read_to_end(near)).error() == std::errc::connection_reset);
  CHECK(both.bench.get(near.shutdown_send()).error() == std::errc::connection_reset);
  CHECK(both.client->streams() == 0);
  CHECK(both.server->streams() == 0);
}

TEST_CASE("mux stream: corked bytes go with what follows") {
  sim_mux both;
  auto [near, far] = both.open();
  both.bench.must(near.write_corked(bytes("first, ")));
  both.bench.world.run_for(1s);
  std::uint8_t buffer[9];
  CHECK_FALSE(far.read_now(buffer));
  SUBCASE("a write") {
    both.bench.must(near.write(bytes("second")));
    both.bench.world.run_for(1s);
    CHECK(both.bench.must(read_some(far)) == "first, second");
  }
  SUBCASE("a flush") {
    near.flush();
    CHECK(both.bench.must(read_some(far)) == "first, ");
  }
  SUBCASE("the end") {
    both.bench.must(near.shutdown_send());
    CHECK(both.bench.must(read_to_end(far)) == "first, ");
  }
  SUBCASE("closing") {
    near.close();
    CHECK(both.bench.must(read_to_end(far)) == "first, ");
  }
  SUBCASE("more than is delayed") {
    const std::string much = mixed_bytes(io::mux_corked_limit, 3);
    both.bench.must(near.write_corked(bytes(much)));
    both.bench.world.run_for(1s);
    CHECK(both.bench.must(read_some(far, 1 << 16)) == "first, " + much);
  }
}

TEST_CASE("mux stream: a write waits for the peer's window, whose bytes are all that is kept") {
  sim_mux both;
  auto [near, far] = both.open();
  const std::string much = mixed_bytes(3 * mux::default_initial_window, 5);
  const auto writing = both.bench.begin(write_and_end(near, much));
  both.bench.world.run_for(1s);
  CHECK_FALSE(writing->has_value());
  std::string all;
  while (all.size() < much.size()) {
    const std::string part = both.bench.must(read_some(far, 1 << 20));
    if (all.empty()) CHECK(part.size() == mux::default_initial_window);
    all += part;
    both.bench.world.run_for(1s);
  }
  CHECK(all == much);
  CHECK(both.bench.get(writing).has_value());
  CHECK(both.bench.must(read_to_end(far)).empty());
}

TEST_CASE("mux stream: a closed stream is reset if the peer never ends its direction") {
  sim_mux both;
  auto [near, far] = both.open();
  near.close();
  both.bench.world.run_for(io::mux_closed_stream_time / 2);
  auto [near2, far2] = both.open();
  near2.close();
  both.bench.world.run_for(io::mux_closed_stream_time / 2 - 1s);
  CHECK(both.client->streams() == 2);
  both.bench.world.run_for(2s);
  CHECK(both.client->streams() == 1);
  CHECK(both.bench.get(far.write(bytes("x"))).error() == std::errc::connection_reset);
  both.bench.world.run_for(io::mux_closed_stream_time);
  CHECK(both.client->streams() == 0);
  CHECK(both.server->streams() == 0);
}
