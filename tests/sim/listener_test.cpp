// Single situations of the listener of a client's program, in virtual time.

#include "support/sim_listener.hpp"

#include <asio/bind_cancellation_slot.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using test::listening_tunnel, test::operation_pointer;

namespace {

/// Starts to drain the listener.
operation_pointer drain(listening_tunnel& tunnel, duration timeout) {
  const io::executor home = tunnel.bench.client.get_executor();
  const auto begin = [from = tunnel.serving.listening, timeout](auto done, const auto&) {
    from->drain(timeout, std::move(done));
  };
  const auto start = [&](auto handler) {
    embed::start_operation<>(home, home, begin, std::move(handler));
  };
  return tunnel.serving.operations.start(start, [](std::error_code) {});
}

void close(listening_tunnel& tunnel) {
  tunnel.serving.operations.call([&] { tunnel.serving.listening->close(errc::stopped); });
}

/// Ends both programs; nothing may be left.
void finish(listening_tunnel& tunnel) {
  tunnel.stop_all();
  tunnel.end_listener();
  CHECK(tunnel.serving.operations.running() == 0);
  CHECK(tunnel.serving.listening->stats().active == 0);
  CHECK(tunnel.serving.listening->stats().waiting == 0);
}

}  // namespace

TEST_CASE("listener: a program serves its visitors one after another") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  for (const bool is_layered : {false, true}) {
    CAPTURE(is_layered);
    listening_tunnel tunnel(seed, is_layered);
    tunnel.start();
    for (int i = 0; i < 3; ++i) tunnel.serve_next();
    tunnel.world.run_for(1s);
    CHECK(tunnel.serving.listening->stats().accepted == 3);
    finish(tunnel);
  }
}

TEST_CASE("listener: a visitor waits for exactly the accept timeout") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  listening_tunnel tunnel(seed, false, 8, 300ms);
  tunnel.start();
  const auto& listening = *tunnel.serving.listening;
  const auto visit = tunnel.begin_visit();
  REQUIRE(tunnel.run_until([&] { return listening.stats().waiting == 1; }) == sim::outcome::done);
  const time_point began = tunnel.world.now();
  REQUIRE(tunnel.run_until([&] { return listening.stats().refused == 1; }) == sim::outcome::done);
  CHECK(tunnel.world.now() - began == 300ms);
  CHECK(listening.stats().waiting == 0);
  REQUIRE(tunnel.run_until([&] { return visit->end.has_value(); }, 1s) == sim::outcome::done);
  CHECK(*visit->end);
  tunnel.serve_next();
  finish(tunnel);
}

TEST_CASE("listener: calls of accept are served in order, also if one of them is cancelled") {
  const auto seed = test::scenario_seed(7);
  REPLAYABLE(seed);
  listening_tunnel tunnel(seed);
  tunnel.start();
  const io::executor home = tunnel.bench.client.get_executor();
  auto& operations = tunnel.serving.operations;
  std::vector<int> order;
  std::vector<stream> streams;
  std::vector<operation_pointer> calls;
  const auto begin = [from = tunnel.serving.listening](auto done, const auto& cancel) {
    from->accept(std::move(done), cancel);
  };
  const auto start = [&](auto handler) {
    embed::start_operation<embed::stream_pointer>(home, home, begin, std::move(handler));
  };
  for (int i = 0; i < 3; ++i) {
    calls.push_back(operations.start(start, [&, i](std::error_code ec, embed::stream_pointer of) {
      if (ec) return;
      order.push_back(i);
      streams.emplace_back(std::move(of), home, "web");
    }));
  }
  tunnel.world.run_for(1ms);
  CHECK(operations.cancel(calls[1]));
  tunnel.world.run_for(1ms);
  CHECK(calls[1]->error == asio::error::operation_aborted);
  auto first = tunnel.bench.must(tunnel.arrive());
  auto second = tunnel.bench.must(tunnel.arrive());
  REQUIRE(tunnel.run_until([&] { return order.size() == 2; }, 1s) == sim::outcome::done);
  CHECK(order == std::vector<int>{0, 2});
  streams.clear();
  first.close();
  second.close();
  tunnel.world.run_for(1s);
  finish(tunnel);
}

TEST_CASE("listener: visitors beyond the backlog wait on the server, and are served in turn") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  listening_tunnel tunnel(seed, false, 1);
  tunnel.start();
  const auto& serving = tunnel.serving;
  SUBCASE("at first") {}
  SUBCASE("after the service was restarted") {
    tunnel.server_settings.services[0].token = secret("another horse");
    tunnel.client_settings.services[0].token = secret("another horse");
    tunnel.server->update(tunnel.server_settings);
    tunnel.client->update(tunnel.client_settings);
    tunnel.world.run_for(1s);
  }
  std::vector<std::shared_ptr<test::visit_record>> visits;
  for (int i = 0; i < 3; ++i) visits.push_back(tunnel.begin_visit());
  tunnel.world.run_for(1s);
  CHECK(serving.listening->stats().waiting == 1);
  for (int i = 0; i < 3; ++i) {
    CAPTURE(i);
    tunnel.serving.clear();
    tunnel.serving.accept();
    REQUIRE(tunnel.run_until([&] { return serving.is_done(); }, 1s) == sim::outcome::done);
    CHECK(serving.got == tunnel.payload);
    tunnel.world.run_for(100ms);
  }
  for (const auto& visit : visits) {
    REQUIRE(visit->end);
    CHECK_FALSE(*visit->end);
    CHECK(visit->got == serving.greeting);
  }
  finish(tunnel);
}

TEST_CASE("listener: a visitor that the client resets while it waits is not accepted") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  listening_tunnel tunnel(seed);
  tunnel.client_settings.shutdown_grace = 60s;
  tunnel.client_settings.shutdown_idle_timeout = 2s;
  tunnel.start();
  auto& serving = tunnel.serving;
  // A visitor that remains keeps the client alive.
  serving.accept();
  auto active = tunnel.bench.must(tunnel.arrive());
  REQUIRE(tunnel.run_until([&] { return serving.has_accepted(); }, 1s) == sim::outcome::done);
  const auto late = tunnel.begin_visit();
  REQUIRE(tunnel.run_until([&] { return serving.listening->stats().waiting == 1; }, 1s) ==
          sim::outcome::done);
  tunnel.client->stop();
  for (int i = 0; i < 5; ++i) {
    tunnel.world.run_for(1s);
    tunnel.bench.must(active.write(test::bytes("still here")));
  }
  CHECK_FALSE(tunnel.client->ended());
  REQUIRE(late->end);
  CHECK(*late->end);
  CHECK(serving.listening->stats().waiting == 0);
  CHECK(serving.listening->stats().refused == 1);
  const auto before = serving.accepted;
  serving.accept();
  tunnel.world.run_for(1s);
  CHECK(serving.accepted == before);
  close(tunnel);
  const auto drained = drain(tunnel, 1s);
  tunnel.world.run_for(2s);
  CHECK(drained->calls == 1);
  CHECK(drained->error == errc::timed_out);
  active.close();
  finish(tunnel);
}

TEST_CASE("listener: the shortest of several drains ends the streams") {
  const auto seed = test::scenario_seed(5);
  REPLAYABLE(seed);
  listening_tunnel tunnel(seed);
  tunnel.start();
  tunnel.serving.accept();
  auto active = tunnel.bench.must(tunnel.arrive());
  REQUIRE(tunnel.run_until([&] { return tunnel.serving.has_accepted(); }, 1s) ==
          sim::outcome::done);
  close(tunnel);
  const auto first = drain(tunnel, 1s);
  const auto second = drain(tunnel, 10min);
  tunnel.world.run_for(2s);
  CHECK(first->calls == 1);
  CHECK(first->error == errc::timed_out);
  CHECK(second->calls == 1);
  active.close();
  finish(tunnel);
}

TEST_CASE("listener: a signal that outlives the context keeps no stream alive") {
  const auto seed = test::scenario_seed(6);
  REPLAYABLE(seed);
  for (const bool writes : {false, true}) {
    CAPTURE(writes);
    asio::cancellation_signal signal;
    std::weak_ptr<io::shared_stream> seen;
    {
      listening_tunnel tunnel(seed);
      tunnel.start();
      const io::executor home = tunnel.bench.client.get_executor();
      embed::stream_pointer visitor;
      tunnel.serving.listening->accept(
          [&](std::error_code, embed::stream_pointer arrived) { visitor = std::move(arrived); },
          {});
      auto active = tunnel.bench.must(tunnel.arrive());
      REQUIRE(tunnel.run_until([&] { return visitor != nullptr; }, 1s) == sim::outcome::done);
      seen = visitor;
      stream connection(std::move(visitor), home, "web");
      std::string text(100'000, 'x');
      auto ignore =
          asio::bind_cancellation_slot(signal.slot(), [](std::error_code, std::size_t) {});
      if (writes) {
        connection.async_write_some(asio::buffer(text), std::move(ignore));
      } else {
        connection.async_read_some(asio::buffer(text), std::move(ignore));
      }
      tunnel.world.run_for(1s);
    }
    CHECK(seen.expired());
  }
}
