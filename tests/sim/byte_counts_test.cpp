// Compares the byte counts that both sides report with the bytes that the visitor and the service
// have sent and received, however the connection ends.

#include "support/sim_tunnel.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using test::bytes, test::sim_tunnel;

namespace {

/// The largest write of a stream, and of a relay.
constexpr std::size_t largest_write = 64 * 1024;

/// Says how a connection ends.
enum class ending : std::uint8_t {
  in_order,
  half_closed,
  reset_by_visitor,
  reset_by_service,
  cut_by_server,
  cut_by_client,
};
constexpr std::array endings = {ending::in_order,         ending::half_closed,
                                ending::reset_by_visitor, ending::reset_by_service,
                                ending::cut_by_server,    ending::cut_by_client};

/// One end of a connection with its byte counts.
struct carried_end {
  sim::stream stream;
  std::size_t to_send = 0;
  /// Bytes of successful writes; a failed write may have sent up to `largest_write` more.
  std::size_t sent = 0;
  std::size_t got = 0;
  bool has_received_end = false;
  bool is_done = false;
};

/// Sends everything; if `waits`, after the other side has ended.
io::awaitable<void> send(carried_end& at, bool waits, io::event& end_received) {
  if (waits) co_await end_received.wait();
  const std::string block(5000, 'x');
  while (at.sent < at.to_send) {
    const std::size_t count = std::min(block.size(), at.to_send - at.sent);
    const byte_view piece = bytes(block).first(count);
    const auto written = co_await at.stream.write(piece);
    if (!written) break;
    at.sent += count;
  }
  co_await at.stream.shutdown_send();
  at.is_done = true;
}

io::awaitable<void> receive(carried_end& at, io::event& end_received) {
  std::array<std::uint8_t, 4096> some;
  const byte_span room(some);
  for (;;) {
    const auto count = co_await at.stream.read_some(room);
    if (!count) break;
    at.got += *count;
    at.has_received_end = *count == 0;
    if (*count == 0) break;
  }
  end_received.notify();
}

/// The bytes of the latest event.
struct reported_bytes {
  explicit reported_bytes(test::program& of) {
    of.events.also_notify([this](const sim::recorded& event) {
      if (event.name == "forward_started") ++started;
      if (event.name == "forward_ended") last = event.bytes;
    });
  }
  int started = 0;
  std::optional<std::pair<std::uint64_t, std::uint64_t>> last;
};

/// Runs a connection that ends as `how` says; checks what both sides report.
void connect(sim_tunnel& tunnel, sim::acceptor& service, ending how, sim::seeded_rng& chosen,
             reported_bytes& server, reported_bytes& client) {
  CAPTURE(static_cast<int>(how));
  server.last.reset();
  client.last.reset();
  const int before = server.started;
  auto& bench = tunnel.bench;
  carried_end visitor{bench.must(tunnel.arrive())};
  carried_end local{bench.must(service.accept())};
  visitor.to_send = chosen.between(0, 400'000);
  local.to_send = chosen.between(0, 400'000);
  io::event visitor_got_end(tunnel.world.get_executor());
  io::event local_got_end(tunnel.world.get_executor());
  bench.tasks.spawn(send(visitor, how == ending::half_closed, visitor_got_end));
  bench.tasks.spawn(send(local, false, local_got_end));
  bench.tasks.spawn(receive(visitor, visitor_got_end));
  bench.tasks.spawn(receive(local, local_got_end));
  const auto begun = [&] { return server.started > before && client.started > before; };
  REQUIRE(tunnel.run_until(begun) == sim::outcome::done);
  const bool is_orderly = how == ending::in_order || how == ending::half_closed;
  if (!is_orderly) tunnel.world.run_for(std::chrono::milliseconds(chosen.between(0, 60)));
  switch (how) {
    case ending::reset_by_visitor: visitor.stream.abort(); break;
    case ending::reset_by_service: local.stream.abort(); break;
    case ending::cut_by_server: tunnel.server->stop_now(); break;
    case ending::cut_by_client: tunnel.client->stop_now(); break;
    default: break;
  }
  REQUIRE(tunnel.run_until([&] { return server.last && client.last; }) == sim::outcome::done);
  tunnel.world.run_for(1s);
  CHECK(visitor.is_done);
  CHECK(local.is_done);
  const auto [server_received, server_sent] = *server.last;
  const auto [client_received, client_sent] = *client.last;
  if (is_orderly) {
    CHECK(visitor.has_received_end);
    CHECK(local.has_received_end);
    for (const std::size_t each : {server_received, client_received, local.got, visitor.sent}) {
      CHECK(each == visitor.to_send);
    }
    for (const std::size_t each : {server_sent, client_sent, visitor.got, local.sent}) {
      CHECK(each == local.to_send);
    }
  } else {
    // Bytes in flight when a connection breaks are lost: each stage has carried no more than the
    // one before it, except for the write that failed.
    CHECK(local.got <= client_received + largest_write);
    CHECK(client_received <= server_received + largest_write);
    CHECK(server_received <= visitor.sent + largest_write);
    CHECK(visitor.got <= server_sent + largest_write);
    CHECK(server_sent <= client_sent + largest_write);
    CHECK(client_sent <= local.sent + largest_write);
  }
  visitor.stream.close();
  local.stream.close();
  tunnel.world.run_for(1s);
}

}  // namespace

TEST_CASE("byte counts: both sides report the bytes carried, however a connection ends") {
  for (const std::uint64_t seed : test::scenario_seeds(20)) {
    REPLAYABLE(seed);
    sim_tunnel tunnel(seed);
    sim::link_conditions rough;
    sim::seeded_rng chosen(seed);
    rough.max_delay = std::chrono::milliseconds(chosen.between(1, 20));
    rough.max_read = chosen.between(100, 70'000);
    tunnel.world.net().set_conditions(rough);
    auto local = tunnel.world.make_runtime("client");
    auto service = tunnel.bench.must(local.listen({"127.0.0.1", 8080}));
    tunnel.start_both();
    reported_bytes server(*tunnel.server);
    reported_bytes client(*tunnel.client);
    for (int i = 0; i < 6; ++i) {
      connect(tunnel, service, endings[chosen.between(0, 3)], chosen, server, client);
    }
    const auto cut = chosen.between(0, 1) == 0 ? ending::cut_by_server : ending::cut_by_client;
    connect(tunnel, service, cut, chosen, server, client);
    CHECK(server.started == 7);
    CHECK(client.started == 7);
    service.close();
    tunnel.stop_all();
  }
}

TEST_CASE(
    "byte counts: a connection that the client's side refuses carried nothing to its visitor") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_both();
  reported_bytes server(*tunnel.server);
  reported_bytes client(*tunnel.client);
  auto visitor = tunnel.bench.must(tunnel.arrive());
  tunnel.bench.must(visitor.write(bytes("anybody?")));
  CHECK(tunnel.bench.get(test::read_all(visitor)).error() == std::errc::connection_reset);
  REQUIRE(tunnel.run_until([&] { return server.last.has_value(); }) == sim::outcome::done);
  CHECK(server.last->first <= 8);
  CHECK(server.last->second == 0);
  CHECK(client.started == 0);
  CHECK_FALSE(client.last);
  visitor.close();
  tunnel.stop_all();
}
