// Relays and forwarded connections that are idle for too long, in virtual time.

#include "support/sim_tunnel.hpp"

#include <rathole/io/relay/relay.hpp>

#include <concepts>

using namespace rathole;
using namespace std::chrono_literals;
using test::bytes, test::read_once, test::sim_tunnel;

namespace {

using relay_type = io::relay<sim::runtime, sim::stream, sim::stream>;
static_assert(std::same_as<relay_type, io::copy_relay<sim::runtime, sim::stream, sim::stream>>);

/// A relay on the server's host between two connections of the client's host: bytes sent to `left`
/// arrive at `right`, and the reverse.
class sim_relay {
 public:
  explicit sim_relay(io::relay_limits limits)
      : relay_(bench.server, std::move(left_.far), std::move(right_.far), limits) {
    bench.tasks.spawn(run());
    bench.world.run_for(0s);
  }

  void carry(sim::stream& from, sim::stream& to) {
    bench.must(from.write(bytes("word")));
    CHECK(bench.must(read_once(to)) == "word");
  }

  /// Ends the direction of `from`, and checks that `to` receives the end.
  void end(sim::stream& from, sim::stream& to) {
    bench.must(from.shutdown_send());
    CHECK(bench.must(read_once(to)) == "");
  }

  /// Runs until the relay has ended because it was idle for longer than `limit` from now on.
  void expect_time_out(duration limit) {
    const time_point last = bench.world.now();
    REQUIRE(bench.world.run_until([&] { return status.has_value(); }) == sim::outcome::done);
    CHECK(status->error == errc::timed_out);
    const duration silent = bench.world.now() - last;
    CHECK(silent > limit - 1s);
    CHECK(silent <= limit + limit / 4);
    CHECK(timers() == 0);
  }

  [[nodiscard]] std::size_t timers() { return bench.world.net().in_use().timers; }

  test::sim_bench bench;
  std::optional<io::relay_status> status;

 private:
  io::awaitable<void> run() { status = co_await relay_.run(); }

  test::sim_connection left_{bench, 80};
  test::sim_connection right_{bench, 81};
  relay_type relay_;

 public:
  sim::stream& left = left_.near;
  sim::stream& right = right_.near;
};

}  // namespace

TEST_CASE("relay time-out: a relay that is idle from the beginning ends") {
  sim_relay relay({60s, 0s});
  CHECK(relay.timers() == 1);
  relay.expect_time_out(60s);
  CHECK(relay.bench.get(read_once(relay.left)).error() == std::errc::connection_reset);
  CHECK(relay.bench.get(read_once(relay.right)).error() == std::errc::connection_reset);
}

TEST_CASE("relay time-out: traffic in one direction is enough") {
  for (const bool forth : {true, false}) {
    CAPTURE(forth);
    sim_relay relay({60s, 0s});
    for (int i = 0; i < 20; ++i) {
      relay.bench.world.run_for(59s);
      if (forth) relay.carry(relay.left, relay.right);
      if (!forth) relay.carry(relay.right, relay.left);
    }
    CHECK_FALSE(relay.status);
    relay.expect_time_out(60s);
  }
}

TEST_CASE("relay time-out: without a limit there is no timer") {
  sim_relay relay({0s, 60s});
  CHECK(relay.timers() == 0);
  relay.carry(relay.left, relay.right);
  CHECK(relay.bench.world.run_for(24h) == sim::outcome::late);
  CHECK(relay.timers() == 0);
  CHECK_FALSE(relay.status);
  relay.carry(relay.right, relay.left);
  relay.end(relay.left, relay.right);
  CHECK(relay.timers() == 1);
  relay.end(relay.right, relay.left);
  CHECK(relay.timers() == 0);
  REQUIRE(relay.status);
  CHECK_FALSE(relay.status->error);
}

TEST_CASE("relay time-out: without any limit a half-closed relay waits indefinitely") {
  sim_relay relay({0s, 0s});
  relay.end(relay.left, relay.right);
  relay.bench.world.run_for(24h);
  CHECK(relay.timers() == 0);
  relay.carry(relay.right, relay.left);
  CHECK_FALSE(relay.status);
}

TEST_CASE("relay time-out: a half-closed relay has the smaller limit, from its half-close on") {
  struct example {
    io::relay_limits limits;
    duration expected;
  };
  for (const auto& [limits, expected] : {example{{0s, 600s}, 600s}, example{{100s, 600s}, 100s},
                                         example{{600s, 100s}, 100s}, example{{100s, 0s}, 100s}}) {
    for (const bool left_ends : {true, false}) {
      CAPTURE(expected.count());
      CAPTURE(left_ends);
      sim_relay relay(limits);
      relay.bench.world.run_for(90s);
      auto& silent = left_ends ? relay.left : relay.right;
      auto& speaker = left_ends ? relay.right : relay.left;
      relay.end(silent, speaker);
      for (int i = 0; i < 20; ++i) {
        relay.bench.world.run_for(expected - 1s);
        relay.carry(speaker, silent);
      }
      CHECK_FALSE(relay.status);
      relay.expect_time_out(expected);
    }
  }
}

namespace {

/// A tunnel with one visitor, whose service the test scripts.
struct tunnel_with_visitor : sim_tunnel {
  explicit tunnel_with_visitor(std::uint64_t seed) : sim_tunnel(seed) {}

  void start() {
    const address local{"127.0.0.1", 8080};
    acceptor.emplace(bench.must(bench.client.listen(local)));
    start_both();
    visitor.emplace(bench.must(arrive()));
    service.emplace(bench.must(acceptor->accept()));
  }

  void carry(sim::stream& from, sim::stream& to) {
    bench.must(from.write(bytes("word")));
    CHECK(bench.must(read_once(to)) == "word");
  }

  [[nodiscard]] std::size_t ended(bool at_server) const {
    return at_server ? server->events.count<server_side::forward_ended>()
                     : client->events.count<client_side::forward_ended>();
  }
  [[nodiscard]] std::error_code error(bool at_server) const {
    return at_server ? server->events.last_error<server_side::forward_ended>()
                     : client->events.last_error<client_side::forward_ended>();
  }

  /// Runs until the idle connection has ended, first at the server or at the client; requires that
  /// the other side follows before `latest`, that visitor and service get the end, and that nothing
  /// remains in use.
  void expect_time_out(bool at_server, duration limit, duration latest) {
    const time_point last = world.now();
    CHECK(ended(true) + ended(false) == 0);
    REQUIRE(run_until([&] { return ended(at_server) == 1; }, 1h) == sim::outcome::done);
    const duration silent = world.now() - last;
    CHECK(silent > limit - 1s);
    CHECK(silent <= limit + limit / 4);
    CHECK(error(at_server) == errc::timed_out);
    REQUIRE(run_until([&] { return ended(!at_server) == 1; }, latest - silent) ==
            sim::outcome::done);
    CHECK(error(!at_server));
    world.run_for(1s);
    CHECK_FALSE(bench.get(visitor->write(bytes("word"))));
    CHECK_FALSE(bench.get(service->write(bytes("word"))));
    visitor->close();
    service->close();
    acceptor->close();
    stop_all();
  }

  std::optional<sim::acceptor> acceptor;
  std::optional<sim::stream> visitor;
  std::optional<sim::stream> service;
};

}  // namespace

TEST_CASE("forward time-out: a half-closed connection whose other side stays idle ends") {
  const auto seed = test::scenario_seed(5);
  for (const bool servers : {true, false}) {
    for (const bool visitor_ends : {true, false}) {
      REPLAYABLE(seed);
      CAPTURE(servers);
      CAPTURE(visitor_ends);
      tunnel_with_visitor tunnel(seed);
      // The other side has the default.
      if (servers) tunnel.server_settings.services[0].half_close_timeout = 100s;
      if (!servers) tunnel.client_settings.services[0].half_close_timeout = 100s;
      tunnel.start();
      sim::stream& ends = visitor_ends ? *tunnel.visitor : *tunnel.service;
      sim::stream& stays = visitor_ends ? *tunnel.service : *tunnel.visitor;
      tunnel.carry(ends, stays);
      tunnel.bench.must(ends.shutdown_send());
      CHECK(tunnel.bench.must(read_once(stays)) == "");
      for (int i = 0; i < 20; ++i) {
        tunnel.world.run_for(95s);
        tunnel.carry(stays, ends);
      }
      tunnel.expect_time_out(servers, 100s, 750s);
    }
  }
}

TEST_CASE("forward time-out: an idle connection ends if either side has a limit") {
  const auto seed = test::scenario_seed(6);
  for (const bool servers : {true, false}) {
    REPLAYABLE(seed);
    CAPTURE(servers);
    tunnel_with_visitor tunnel(seed);
    if (servers) tunnel.server_settings.services[0].idle_timeout = 60s;
    if (!servers) tunnel.client_settings.services[0].idle_timeout = 60s;
    tunnel.start();
    for (int i = 0; i < 10; ++i) {
      tunnel.world.run_for(55s);
      sim::stream& speaker = i % 2 == 0 ? *tunnel.visitor : *tunnel.service;
      sim::stream& listener = i % 2 == 0 ? *tunnel.service : *tunnel.visitor;
      tunnel.carry(speaker, listener);
    }
    tunnel.expect_time_out(servers, 60s, 76s);
  }
}

TEST_CASE("forward time-out: without a limit an idle connection stays open") {
  const auto seed = test::scenario_seed(7);
  REPLAYABLE(seed);
  tunnel_with_visitor tunnel(seed);
  tunnel.start();
  tunnel.carry(*tunnel.visitor, *tunnel.service);
  tunnel.world.run_for(24h);
  CHECK(tunnel.ended(true) + tunnel.ended(false) == 0);
  tunnel.carry(*tunnel.service, *tunnel.visitor);
  tunnel.visitor->close();
  tunnel.service->close();
  tunnel.acceptor->close();
  tunnel.stop_all();
  CHECK_FALSE(tunnel.error(true));
  CHECK_FALSE(tunnel.error(false));
}
