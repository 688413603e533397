// Bounds on what a peer can make a program hold or wait for, as far as no other test reaches them.

#include "support/sim_tunnel.hpp"

#include <rathole/client/dial_limits.hpp>
#include <rathole/client/local_udp_service.hpp>
#include <rathole/protocol/bincode.hpp>
#include <rathole/server/refusals.hpp>
#include <rathole/server/server.hpp>
#include <rathole/server/start_forward.hpp>
#include <rathole/transport/tcp.hpp>

#include <array>
#include <span>
#include <utility>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using protocol::bincode;
using test::bytes, test::sim_bench, test::sim_connection, test::sim_tunnel;

namespace {

/// Provides what starting a visitor's traffic needs from a server's context.
struct starting_context {
  using runtime_type = sim::runtime;
  using stream_type = sim::stream;
  using codec_type = bincode;
  runtime_type& runtime() { return world; }
  runtime_type world;
};

/// Returns the settings of a link on which a peer that does not read blocks the other after
/// `window` bytes.
void narrow(sim_bench& bench, std::size_t window) {
  sim::link_conditions conditions;
  conditions.window = window;
  bench.world.net().set_conditions(conditions);
}

/// Accepts a client whatever its token is, requests `count` data channels, and keeps them without
/// sending anything.
io::awaitable<void> request_many(sim::runtime host, std::size_t count,
                                 std::vector<sim::stream>& kept) {
  const address at{"0.0.0.0", 2333};
  auto listening = co_await host.listen(at);
  if (!listening) co_return;
  auto control = co_await listening->accept();
  if (!control) co_return;
  std::array<std::uint8_t, bincode::hello_size> first;
  const byte_span hello_room(first);
  co_await control->read_some(hello_room);
  const protocol::hello hello{protocol::hello_kind::control, {}};
  const auto greeting = bincode::encode_hello(hello);
  const byte_view greeting_bytes(greeting);
  co_await control->write(greeting_bytes);
  std::array<std::uint8_t, bincode::auth_size> second;
  const byte_span auth_room(second);
  co_await control->read_some(auth_room);
  const auto verdict = bincode::encode_ack(protocol::ack::ok);
  const byte_view verdict_bytes(verdict);
  co_await control->write(verdict_bytes);
  const auto command =
      bincode::encode_control_command(protocol::control_command::create_data_channel);
  const byte_view command_bytes(command);
  for (std::size_t i = 0; i < count; ++i) co_await control->write(command_bytes);
  kept.push_back(std::move(*control));
  for (;;) {
    auto channel = co_await listening->accept();
    if (!channel) co_return;
    kept.push_back(std::move(*channel));
  }
}

/// Records the summaries of a server.
struct summaries {
  void on(const server_side::connections_refused& e) { all.push_back(e.what); }
  std::vector<server_side::refusal_summary> all;
};

}  // namespace

TEST_CASE(
    "bounds: a data channel whose client does not read is closed after start_forward_timeout") {
  using protocol::data_command;
  for (const auto command : {data_command::start_forward_tcp, data_command::start_forward_udp}) {
    CAPTURE(static_cast<int>(command));
    sim_bench bench;
    sim_connection pair(bench);
    starting_context context{bench.server};
    narrow(bench, 2);
    const auto began = bench.world.now();
    const auto started = bench.get(server_side::start_forward(context, pair.far, command));
    CHECK(started.error() == errc::timed_out);
    CHECK(bench.world.now() == began + server_side::start_forward_timeout);
    CHECK_FALSE(pair.far.is_open());
  }
}

TEST_CASE("bounds: a client remembers max_deferred_dials requests, and drops them in time") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.client_settings.max_dials = 1;
  tunnel.client_settings.heartbeat_timeout = 0s;
  std::vector<sim::stream> kept;
  tunnel.bench.tasks.spawn(
      request_many(tunnel.bench.server, client_side::max_deferred_dials + 1000, kept));
  tunnel.start_client();
  const auto requested = tunnel.world.now();
  const auto given_up = [&] {
    return tunnel.client->events.count<client_side::data_channel_failed>();
  };
  REQUIRE(tunnel.run_until([&] { return given_up() > 0; }, 1min) == sim::outcome::done);
  CHECK(tunnel.world.now() >= requested + client_side::data_channel_dial_timeout);
  tunnel.world.run_for(1min);
  // One is being dialled.
  CHECK(given_up() == client_side::max_deferred_dials);
  CHECK(tunnel.client->events.last_error<client_side::data_channel_failed>() ==
        errc::limit_reached);
  CHECK(kept.size() == 2);
  tunnel.client->stop();
  CHECK(tunnel.run_until([&] { return tunnel.client->ended().has_value(); }, 1s) ==
        sim::outcome::done);
}

TEST_CASE("bounds: max_opening_visitors sockets are opened at once, each for udp_open_timeout") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.world.net().silence_name("nobody.answers", time_point::max());
  tunnel.server_settings.services[0].kind = config::service_kind::udp;
  tunnel.client_settings.services[0].kind = config::service_kind::udp;
  tunnel.client_settings.services[0].local_addr = {"nobody.answers", 9};
  tunnel.start_both();
  auto host = tunnel.world.make_runtime("visitor");
  std::vector<sim::datagram_socket> visitors;
  const auto came = tunnel.world.now();
  for (std::size_t i = 0; i < client_side::max_opening_visitors + 50; ++i) {
    visitors.push_back(tunnel.bench.must(host.bind_udp({"0.0.0.0", 0}, {})));
    io::datagram one;
    one.peer = tunnel.world.net().at("server").endpoint(5202);
    one.payload = bytes("anybody?");
    visitors.back().send(std::span(&one, 1));
  }
  const auto failed = [&] {
    return tunnel.client->events.count<client_side::local_connect_failed>();
  };
  tunnel.world.run_for(came + client_side::udp_open_timeout - 100ms - tunnel.world.now());
  CHECK(failed() == 0);
  tunnel.world.run_for(2s);
  CHECK(failed() == client_side::max_opening_visitors);
  CHECK(tunnel.client->events.last_error<client_side::local_connect_failed>() == errc::timed_out);
  CHECK(tunnel.client->events.count<client_side::datagrams_lost>() > 0);
  tunnel.world.run_for(1min);
  CHECK(failed() == client_side::max_opening_visitors);
  for (auto& each : visitors) each.close();
  tunnel.stop_all();
  CHECK(tunnel.world.net().in_use().datagram_sockets == 0);
}

TEST_CASE("bounds: max_unsent_datagrams of one visitor wait for its socket") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.server_settings.services[0].kind = config::service_kind::udp;
  tunnel.client_settings.services[0].kind = config::service_kind::udp;
  tunnel.client_settings.services[0].local_addr = {"client", 9};
  tunnel.start_both();
  std::size_t arrived = 0;
  auto service = tunnel.bench.must(tunnel.bench.client.bind_udp({"0.0.0.0", 9}, {}));
  service.watch([&] { arrived += service.receive().size(); });
  tunnel.world.net().silence_name("client", tunnel.world.now() + 5s);
  auto visitor =
      tunnel.bench.must(tunnel.world.make_runtime("visitor").bind_udp({"0.0.0.0", 0}, {}));
  for (std::size_t i = 0; i < client_side::max_unsent_datagrams + 30; ++i) {
    io::datagram one;
    one.peer = tunnel.world.net().at("server").endpoint(5202);
    one.payload = bytes("anybody?");
    visitor.send(std::span(&one, 1));
  }
  tunnel.world.run_for(4s);
  CHECK(arrived == 0);
  tunnel.world.run_for(10s);
  CHECK(arrived == client_side::max_unsent_datagrams);
  CHECK(tunnel.client->events.count<client_side::datagrams_lost>() > 0);
  visitor.close();
  service.close();
  tunnel.stop_all();
}

TEST_CASE("bounds: a server distinguishes max_refused_sources sources, and counts all refusals") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  summaries reported;
  std::optional<std::error_code> ended;
  server_side::basic_server<transport::tcp<sim::runtime>, summaries> server(
      {tunnel.world.make_runtime("server"), {}}, tunnel.server_settings, reported);
  server.async_run([&](std::error_code ec) { ended = ec; });
  tunnel.world.run_for(1s);
  constexpr std::size_t many = server_side::max_refused_sources + 200;
  for (std::size_t i = 0; i < many; ++i) {
    auto host = tunnel.world.make_runtime("stranger" + std::to_string(i));
    for (int times = 0; times < 2; ++times) {
      const auto until = tunnel.world.now() + 1s;
      auto peer = tunnel.bench.must(host.connect({"server", 2333}, {}, until, {}));
      tunnel.bench.must(peer.write(bytes(std::string(37, 'x'))));
      tunnel.world.run_for(1ms);
    }
  }
  tunnel.world.run_for(server_side::refusal_interval);
  REQUIRE(reported.all.size() == 1);
  CHECK(reported.all[0].sources == server_side::max_refused_sources);
  CHECK(reported.all[0].total() == 2 * many);
  CHECK(reported.all[0].by_most_active == 2);
  server.stop();
  CHECK(tunnel.run_until([&] { return ended.has_value(); }, 1s) == sim::outcome::done);
}
