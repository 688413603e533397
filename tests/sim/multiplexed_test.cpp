// Tunnels of clients that multiplex.

#include "support/sim_tunnel.hpp"
#include "support/sim_udp_tunnel.hpp"

#include <rathole/config/defaults.hpp>
#include <rathole/io/carry.hpp>
#include <rathole/mux/constants.hpp>

#include <cstddef>
#include <string>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using test::bytes, test::pattern, test::read_all, test::read_once, test::sim_tunnel;

namespace {

constexpr auto soon = 3s;

/// A tunnel whose client multiplexes, with several services.
struct multiplexed_tunnel : sim_tunnel {
  explicit multiplexed_tunnel(std::uint64_t seed, std::size_t services = 1) : sim_tunnel(seed) {
    client_settings.transport.multiplex = true;
    for (std::size_t i = 1; i < services; ++i) {
      const std::string name = "web" + std::to_string(i);
      server_settings.services.push_back(server_settings.services[0]);
      server_settings.services.back().name = name;
      const auto port = static_cast<std::uint16_t>(5202 + i);
      server_settings.services.back().bind_addr = {"0.0.0.0", port};
      client_settings.services.push_back(client_settings.services[0]);
      client_settings.services.back().name = name;
    }
  }

  /// Starts everything with an echo service, and runs until every service is reachable.
  void start_services() {
    start_service("client", test::echo);
    start_server();
    start_client();
    REQUIRE(run_until([this] { return established() == server_settings.services.size(); }) ==
            sim::outcome::done);
    world.run_for(1s);
  }

  /// Returns a visitor that the echo service has answered.
  sim::stream served_visitor() {
    auto visitor = bench.must(arrive());
    CHECK(echoes(visitor, "before"));
    return visitor;
  }
  /// Returns whether the echo service answers `text`.
  bool echoes(sim::stream& visitor, const std::string& text) {
    bench.must(visitor.write(bytes(text)));
    return bench.must(read_once(visitor)) == text;
  }

  /// Returns how often a control channel was established.
  [[nodiscard]] std::size_t established() const {
    return client->events.count<client_side::control_channel_established>();
  }

  /// Returns the number of the client's connections to the server.
  [[nodiscard]] std::size_t connections() { return world.net().held("client", "server"); }
};

io::awaitable<void> answer_after_end(sim::stream stream) {
  const auto request = co_await read_all(stream);
  if (!request) co_return;
  co_await stream.write(bytes("got " + std::to_string(request->size())));
  stream.close();
}

io::awaitable<void> reset_after_request(sim::stream stream) {
  const auto request = co_await read_once(stream);
  stream.abort();
}

/// The error with which a service's connection ended.
std::error_code seen_by_service;

io::awaitable<void> note_end(sim::stream stream) {
  for (;;) {
    std::uint8_t room[1024];
    const auto count = co_await stream.read_some(room);
    if (count && *count > 0) continue;
    seen_by_service = count ? make_error_code(errc::end_of_stream) : count.error();
    co_return;
  }
}

io::awaitable<void> fill(sim::stream& to, std::size_t& written) {
  const std::string block(1024, 'x');
  for (;;) {
    const auto sent = co_await to.write(bytes(block));
    if (!sent) co_return;
    written += block.size();
  }
}

/// How many Hellos of multiplexing an old server has refused.
std::size_t refused_hellos = 0;

/// How many of them it passes on before it refuses any.
std::size_t hellos_to_pass = 0;

/// Whether it leaves the others without an answer, instead of closing the connection.
bool is_silent = false;

/// Whether it does that with all connections.
bool is_hanging = false;

/// How many connections without multiplexing it has passed on.
std::size_t plain_connections = 0;

/// Serves a connection as a server without multiplexing, or as a proxy: it closes one whose Hello it
/// does not pass, and passes the others on to the server; if that is down, it closes them, too.
io::awaitable<void> serve_as_old(sim::runtime on, sim::stream stream) {
  std::string hello;
  while (hello.size() < 37) {
    const auto more = co_await read_once(stream);
    if (!more || more->empty()) co_return;
    hello += *more;
  }
  if (is_hanging) {
    co_await read_all(stream);
    co_return;
  }
  const bool is_plain = hello[0] != 2;
  if (!is_plain && hellos_to_pass == 0) {
    ++refused_hellos;
    if (is_silent) co_await read_all(stream);
    co_return;
  }
  plain_connections += is_plain ? 1 : 0;
  hellos_to_pass -= is_plain ? 0 : 1;
  const address inner{"server", 2333};
  const io::socket_options options;
  auto below = co_await on.connect(inner, options, on.now() + 10s, std::stop_token());
  if (!below) co_return;
  const auto sent = co_await below->write(bytes(hello));
  if (!sent) co_return;
  io::drain_stops stops;
  const io::relay_limits limits{0s, 0s};
  co_await io::carry(on, on, std::move(stream), std::move(*below), limits, stops);
}

io::awaitable<void> old_server(sim::runtime on, io::task_group& group) {
  const address at{"0.0.0.0", 2334};
  auto acceptor = co_await on.listen(at);
  for (;;) {
    auto stream = co_await acceptor->accept();
    if (stream) group.spawn(serve_as_old(on, std::move(*stream)));
  }
}

/// Starts an old server, or proxy, before the server of `tunnel`, and lets the client connect to it.
void connect_to_old_server(multiplexed_tunnel& tunnel) {
  tunnel.bench.tasks.spawn(old_server(tunnel.bench.server, tunnel.bench.tasks));
  tunnel.client_settings.remote_addr = {"server", 2334};
}

}  // namespace

TEST_CASE("multiplexed: a visitor gets an answer, and all channels are one connection") {
  for (const auto seed : test::scenario_seeds(20)) {
    REPLAYABLE(seed);
    multiplexed_tunnel tunnel(seed);
    tunnel.start_all();
    const std::string payload = pattern(100'000);
    CHECK(tunnel.bench.must(tunnel.visit(payload)) == payload);
    CHECK(tunnel.connections() == 1);
    const auto at_server = tunnel.server->descriptors();
    CHECK(at_server.multiplexed == 1);
    CHECK(at_server.fixed == 2);
    CHECK(at_server.total() == 3);
    const auto at_client = tunnel.client->descriptors();
    CHECK(at_client.fixed == 0);
    CHECK(at_client.idle == 0);
    CHECK(tunnel.server->events.count<server_side::handshake_failed>() == 0);
    tunnel.stop_all();
  }
}

TEST_CASE("multiplexed: 20 services share one connection") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  multiplexed_tunnel tunnel(seed, 20);
  tunnel.start_services();
  CHECK(tunnel.connections() == 1);
  CHECK(tunnel.established() == 20);
  // More than the server takes before the first one has authenticated wait for that.
  CHECK(tunnel.client->events.count<client_side::control_channel_failed>() == 0);
  tunnel.stop_all();
}

TEST_CASE("multiplexed: services get as many connections as their streams need, and no more") {
  // Each service has a control channel, and the idle data channels of its pool.
  for (const std::size_t services : {100UL, 200UL, 600UL}) {
    CAPTURE(services);
    const auto seed = test::scenario_seed(14);
    REPLAYABLE(seed);
    multiplexed_tunnel tunnel(seed, services);
    tunnel.start_services();
    tunnel.world.run_for(30s);
    const std::size_t streams = services * (1 + config::defaults::tcp_pool_size);
    CHECK(tunnel.connections() ==
          (streams + mux::default_max_streams - 1) / mux::default_max_streams);
    CHECK(tunnel.established() == services);
    CHECK(tunnel.client->events.count<client_side::control_channel_failed>() == 0);
    CHECK(tunnel.client->events.count<client_side::data_channel_failed>() == 0);
    CHECK(tunnel.server->events.count<server_side::handshake_failed>() == 0);
    tunnel.stop_all();
  }
}

TEST_CASE("multiplexed: streams are spread over `connections`") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  multiplexed_tunnel tunnel(seed);
  tunnel.client_settings.transport.connections = 3;
  tunnel.start_all();
  std::vector<sim::stream> visitors;
  for (int i = 0; i < 10; ++i) visitors.push_back(tunnel.bench.must(tunnel.arrive()));
  tunnel.world.run_for(1s);
  CHECK(tunnel.connections() == 3);
  CHECK(tunnel.server->descriptors().multiplexed == 3);
  CHECK(tunnel.bench.must(tunnel.visit("x")) == "x");
  for (auto& each : visitors) each.close();
  tunnel.world.run_for(1min);
  CHECK(tunnel.bench.must(tunnel.visit("x")) == "x");
  CHECK(tunnel.connections() == 3);
  CHECK(tunnel.established() == 1);
  tunnel.stop_all();
}

TEST_CASE("multiplexed: half-close, with an answer after the visitor's end") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  multiplexed_tunnel tunnel(seed);
  tunnel.start_service("client", answer_after_end);
  tunnel.start_both();
  CHECK(tunnel.bench.must(tunnel.visit(pattern(300'000))) == "got 300000");
  tunnel.stop_all();
}

TEST_CASE("multiplexed: a reset reaches the other side as a reset, and only that") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  multiplexed_tunnel tunnel(seed);
  SUBCASE("of the service") {
    tunnel.start_service("client", reset_after_request);
    tunnel.start_both();
    auto visitor = tunnel.bench.must(tunnel.arrive());
    tunnel.bench.must(visitor.write(bytes("request")));
    CHECK(tunnel.bench.get(read_once(visitor)).error() == std::errc::connection_reset);
  }
  SUBCASE("of the visitor") {
    seen_by_service.clear();
    tunnel.start_service("client", note_end);
    tunnel.start_both();
    auto visitor = tunnel.bench.must(tunnel.arrive());
    tunnel.bench.must(visitor.write(bytes("request")));
    tunnel.world.run_for(1s);
    visitor.abort();
    tunnel.world.run_for(1s);
    CHECK(seen_by_service == std::errc::connection_reset);
  }
  CHECK(tunnel.established() == 1);
  CHECK(tunnel.connections() == 1);
  tunnel.stop_all();
}

TEST_CASE("multiplexed: all control channels come back when the connection is lost") {
  const auto seed = test::scenario_seed(5);
  REPLAYABLE(seed);
  multiplexed_tunnel tunnel(seed, 5);
  tunnel.start_services();
  for (std::size_t loss = 1; loss <= 3; ++loss) {
    tunnel.world.net().lose_connections("client", "server");
    CHECK(tunnel.serves_again(soon));
    tunnel.world.run_for(soon);
    CHECK(tunnel.established() == 5 * (loss + 1));
    CHECK(tunnel.connections() == 1);
  }
  CHECK(tunnel.client->events.count<client_side::multiplexing_refused>() == 0);
  tunnel.stop_all();
}

TEST_CASE("multiplexed: the server restarts") {
  const auto seed = test::scenario_seed(6);
  REPLAYABLE(seed);
  multiplexed_tunnel tunnel(seed, 3);
  tunnel.start_services();
  tunnel.server->stop();
  REQUIRE(tunnel.run_until([&] { return tunnel.server->ended().has_value(); }) ==
          sim::outcome::done);
  tunnel.world.run_for(30s);
  CHECK(tunnel.connections() == 0);
  tunnel.start_server();
  CHECK(tunnel.serves_again(soon));
  tunnel.world.run_for(soon);
  CHECK(tunnel.connections() == 1);
  CHECK(tunnel.client->events.count<client_side::multiplexing_refused>() == 0);
  tunnel.stop_all();
}

TEST_CASE("multiplexed: a reload adds, removes and renegotiates services on the same connection") {
  const auto seed = test::scenario_seed(7);
  REPLAYABLE(seed);
  multiplexed_tunnel tunnel(seed, 3);
  tunnel.start_services();
  auto kept = tunnel.served_visitor();

  tunnel.client_settings.services[0].token = secret("another");
  tunnel.server_settings.services[0].token = secret("another");
  tunnel.client_settings.services.pop_back();
  tunnel.server_settings.services.pop_back();
  tunnel.server->update(tunnel.server_settings);
  tunnel.client->update(tunnel.client_settings);
  tunnel.world.run_for(5s);
  CHECK(tunnel.serves_again(soon));
  CHECK(tunnel.established() == 4);
  CHECK(tunnel.connections() == 1);

  // A connection outlives its control channel.
  CHECK(tunnel.echoes(kept, "after"));
  kept.close();
  tunnel.stop_all();
}

TEST_CASE("multiplexed: a forwarded connection outlives the last control channel") {
  const auto seed = test::scenario_seed(8);
  REPLAYABLE(seed);
  multiplexed_tunnel tunnel(seed);
  tunnel.start_all();
  auto kept = tunnel.served_visitor();
  tunnel.client_settings.services.clear();
  tunnel.client->update(tunnel.client_settings);
  tunnel.world.run_for(5min);
  CHECK(tunnel.connections() == 1);
  CHECK(tunnel.echoes(kept, "after"));
  kept.close();
  // Without any stream it counts as unauthenticated, and ends at that deadline.
  tunnel.world.run_for(1s);
  CHECK(tunnel.server->descriptors().multiplexed == 0);
  tunnel.world.run_for(30s);
  CHECK(tunnel.connections() == 0);
  CHECK(tunnel.server->events.count<server_side::handshake_failed>() == 0);
  tunnel.stop_all();
}

TEST_CASE("multiplexed: a server that drains ends with its last connection") {
  const auto seed = test::scenario_seed(9);
  REPLAYABLE(seed);
  multiplexed_tunnel tunnel(seed);
  tunnel.start_all();
  auto kept = tunnel.served_visitor();
  tunnel.server->drain();
  tunnel.world.run_for(1min);
  CHECK_FALSE(tunnel.server->ended().has_value());
  CHECK(tunnel.echoes(kept, "after"));
  kept.close();
  CHECK(tunnel.run_until([&] { return tunnel.server->ended().has_value(); }, 5s) ==
        sim::outcome::done);
  tunnel.start_server();
  CHECK(tunnel.serves_again(soon));
  tunnel.stop_all();
}

TEST_CASE("multiplexed: a visitor that does not read delays only itself") {
  const auto seed = test::scenario_seed(10);
  REPLAYABLE(seed);
  multiplexed_tunnel tunnel(seed);
  tunnel.start_all();
  auto greedy = tunnel.bench.must(tunnel.arrive());
  std::size_t written = 0;
  tunnel.bench.tasks.spawn(fill(greedy, written));
  tunnel.world.run_for(1min);
  const std::size_t stuck_at = written;
  tunnel.world.run_for(1min);
  CHECK(written == stuck_at);
  for (int i = 0; i < 5; ++i) {
    const std::string much = pattern(1 << 20);
    CHECK(tunnel.bench.must(tunnel.visit(much)) == much);
  }
  CHECK(written == stuck_at);
  greedy.abort();
  tunnel.stop_all();
}

TEST_CASE("multiplexed: the datagrams of a UDP service") {
  const auto seed = test::scenario_seed(11);
  REPLAYABLE(seed);
  test::udp_tunnel tunnel(seed);
  tunnel.client_settings.transport.multiplex = true;
  tunnel.start_both();
  test::udp_peer& visitor = tunnel.visitor();
  for (const std::size_t size : {0UL, 1UL, 2048UL, 65'507UL}) {
    CAPTURE(size);
    CHECK(tunnel.echoed(visitor, pattern(size)));
  }
  CHECK(tunnel.world.net().held("client", "server") == 1);
  tunnel.world.net().lose_connections("server", "client");
  CHECK(tunnel.echoed_again(visitor, 5s));
  tunnel.finish();
}

TEST_CASE("multiplexed: a further connection that fails does not end multiplexing") {
  const auto seed = test::scenario_seed(13);
  REPLAYABLE(seed);
  multiplexed_tunnel tunnel(seed);
  refused_hellos = plain_connections = 0;
  hellos_to_pass = 1;
  is_silent = false;
  SUBCASE("because the server ends it") {}
  SUBCASE("because the server does not answer") { is_silent = true; }
  connect_to_old_server(tunnel);
  tunnel.client_settings.transport.connections = 2;
  tunnel.start_services();
  for (int i = 0; i < 60; ++i) {
    tunnel.world.run_for(1s);
    CHECK(tunnel.bench.must(tunnel.visit("x")) == "x");
  }
  // It is tried again, with pauses.
  CHECK(refused_hellos >= 2);
  CHECK(refused_hellos <= 7);
  CHECK(plain_connections == 0);
  CHECK(tunnel.client->events.count<client_side::multiplexing_refused>() == 0);
  CHECK(tunnel.client->events.count<client_side::data_channel_failed>() == 0);
  CHECK(tunnel.server->descriptors().multiplexed == 1);

  hellos_to_pass = 1;
  for (int i = 0; i < 30; ++i) {
    tunnel.world.run_for(1s);
    CHECK(tunnel.bench.must(tunnel.visit("x")) == "x");
  }
  CHECK(tunnel.server->descriptors().multiplexed == 2);
  CHECK(tunnel.established() == 1);
}

TEST_CASE(
    "multiplexed: a connection that full ones need is dialled with pauses, and the cause is "
    "named") {
  const auto seed = test::scenario_seed(15);
  REPLAYABLE(seed);
  multiplexed_tunnel tunnel(seed, 120);
  refused_hellos = plain_connections = 0;
  hellos_to_pass = 1;
  is_silent = false;
  connect_to_old_server(tunnel);
  tunnel.start_service("client", test::echo);
  tunnel.start_server();
  tunnel.start_client();
  tunnel.world.run_for(1min);
  const auto& events = tunnel.client->events;
  CHECK(refused_hellos >= 20);
  CHECK(refused_hellos <= 61);
  CHECK(plain_connections == 0);
  CHECK(events.count<client_side::multiplexing_refused>() == 0);
  CHECK(events.count<client_side::data_channel_failed>() > 0);
  for (const std::string& line : events.lines()) {
    const bool is_failure = line.contains("data_channel_failed");
    CHECK((!is_failure || line.contains(make_error_code(errc::end_of_stream).message())));
  }
  CHECK(tunnel.server->descriptors().multiplexed == 1);

  // What waits continues as soon as it can be dialled.
  hellos_to_pass = 1;
  tunnel.world.run_for(5s);
  CHECK(tunnel.server->descriptors().multiplexed == 2);
  CHECK(tunnel.bench.must(tunnel.visit("x")) == "x");
}

TEST_CASE("multiplexed: a proxy whose server restarts does not end multiplexing") {
  const auto seed = test::scenario_seed(16);
  REPLAYABLE(seed);
  multiplexed_tunnel tunnel(seed, 5);
  refused_hellos = plain_connections = 0;
  hellos_to_pass = 1;
  is_silent = false;
  connect_to_old_server(tunnel);
  tunnel.start_services();
  CHECK(tunnel.connections() == 1);
  const auto refusals = [&] {
    return tunnel.client->events.count<client_side::multiplexing_refused>();
  };
  hellos_to_pass = 1'000'000;
  tunnel.server->stop();
  REQUIRE(tunnel.run_until([&] { return tunnel.server->ended().has_value(); }) ==
          sim::outcome::done);
  SUBCASE("it closes the connections until the server is there again") {
    tunnel.world.run_for(1min);
    // A connection that asks fails first, and one without multiplexing then.
    CHECK(plain_connections > 10);
    tunnel.start_server();
    CHECK(tunnel.serves_again(soon));
    CHECK(refusals() == 0);
    CHECK(tunnel.server->descriptors().multiplexed == 1);
    CHECK(tunnel.connections() == 1);
  }
  SUBCASE("it leaves the connections without an answer") {
    is_silent = true;
    hellos_to_pass = 0;
    tunnel.world.run_for(1min);
    is_silent = false;
    hellos_to_pass = 1'000'000;
    tunnel.world.run_for(15s);
    tunnel.start_server();
    CHECK(tunnel.serves_again(soon));
    CHECK(refusals() == 0);
    CHECK(tunnel.connections() == 1);
  }
  SUBCASE("the server hangs, and then answers") {
    is_hanging = true;
    tunnel.start_server();
    tunnel.world.run_for(12s);
    is_hanging = false;
    // What hangs ends at `handshake_timeout`.
    CHECK(tunnel.serves_again(10s));
    tunnel.world.run_for(soon);
    CHECK(tunnel.established() == 10);
    CHECK(refusals() == 0);
    CHECK(tunnel.server->descriptors().multiplexed == 1);
  }
  SUBCASE("the server comes between the Hello and the connection without multiplexing") {
    hellos_to_pass = 0;
    tunnel.start_server();
    REQUIRE(tunnel.run_until([] { return refused_hellos == 1; }) == sim::outcome::done);
    hellos_to_pass = 1'000'000;
    CHECK(tunnel.serves_again(soon));
    tunnel.world.run_for(soon);
    CHECK(refusals() == 0);
    CHECK(tunnel.server->descriptors().multiplexed == 1);
    // One service came without multiplexing, with its pool.
    CHECK(plain_connections <= 9);
  }
  SUBCASE("the server refuses a few times in a row") {
    hellos_to_pass = 0;
    tunnel.start_server();
    CHECK(tunnel.serves_again(soon));
    CHECK(refusals() == 1);
    CHECK(tunnel.server->descriptors().multiplexed == 0);
    hellos_to_pass = 1'000'000;
    for (int i = 0; i < 11; ++i) {
      tunnel.world.run_for(1s);
      CHECK(tunnel.bench.must(tunnel.visit("x")) == "x");
    }
    CHECK(tunnel.server->descriptors().multiplexed == 1);
    CHECK(refusals() == 1);
  }
}

TEST_CASE("multiplexed: a server without multiplexing is used without") {
  const auto seed = test::scenario_seed(12);
  REPLAYABLE(seed);
  multiplexed_tunnel tunnel(seed, 3);
  refused_hellos = hellos_to_pass = 0;
  is_silent = false;
  connect_to_old_server(tunnel);
  tunnel.start_services();
  CHECK(tunnel.serves_again(soon));
  // Each service asks until the server has authenticated one of them.
  const std::size_t asked = refused_hellos;
  CHECK(asked <= 3);
  CHECK(tunnel.connections() > 3);
  CHECK(tunnel.client->events.count<client_side::multiplexing_refused>() == 1);
  CHECK(tunnel.client->events.last_error<client_side::multiplexing_refused>() ==
        errc::end_of_stream);
  CHECK(tunnel.client->events.count<client_side::control_channel_failed>() == 0);

  // It is asked again after ten minutes, by the next dial, and reported once.
  for (int i = 0; i < 25; ++i) {
    tunnel.world.run_for(1min);
    CHECK(tunnel.bench.must(tunnel.visit("x")) == "x");
  }
  CHECK(refused_hellos == asked + 1);
  CHECK(tunnel.client->events.count<client_side::multiplexing_refused>() == 1);

  // After a change of the configuration it is asked once, though no control channel is new.
  tunnel.client->update(tunnel.client_settings);
  for (int i = 0; i < 5; ++i) {
    CHECK(tunnel.bench.must(tunnel.visit("x")) == "x");
    tunnel.world.run_for(1s);
  }
  CHECK(refused_hellos == asked + 2);
  CHECK(tunnel.client->events.count<client_side::multiplexing_refused>() == 2);

  // The next server multiplexes.
  tunnel.client_settings.remote_addr = {"server", 2333};
  tunnel.client->update(tunnel.client_settings);
  tunnel.world.run_for(soon);
  CHECK(tunnel.serves_again(soon));
  CHECK(tunnel.server->descriptors().multiplexed == 1);
}

TEST_CASE("multiplexed: a server that ignores the Hello is used without") {
  const auto seed = test::scenario_seed(17);
  REPLAYABLE(seed);
  multiplexed_tunnel tunnel(seed, 3);
  refused_hellos = hellos_to_pass = 0;
  is_silent = true;
  SUBCASE("with short pauses between the attempts") {}
  SUBCASE("with long pauses between the attempts") {
    for (auto& each : tunnel.client_settings.services) each.retry_interval = 5min;
  }
  connect_to_old_server(tunnel);
  tunnel.start_services();
  CHECK(tunnel.serves_again(soon));
  CHECK(refused_hellos == 1);
  CHECK(tunnel.client->events.count<client_side::multiplexing_refused>() == 1);
  CHECK(tunnel.client->events.last_error<client_side::multiplexing_refused>() == errc::timed_out);
  for (int i = 0; i < 9; ++i) {
    tunnel.world.run_for(1min);
    CHECK(tunnel.bench.must(tunnel.visit("x")) == "x");
  }
  CHECK(refused_hellos == 1);
}
