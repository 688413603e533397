// Operations that complete without suspending, and observers that act during an event: the code
// must be correct for both orders of events.

#include "support/sim_tunnel.hpp"

#include <rathole/io/stream/lingering_close.hpp>
#include <rathole/server/client_listeners.hpp>
#include <rathole/server/listening_addresses.hpp>
#include <rathole/server/udp_listeners.hpp>

#include <span>
#include <utility>

using namespace rathole;
using namespace std::chrono_literals;
using test::bytes, test::sim_bench, test::sim_connection, test::sim_tunnel;

namespace {

/// Provides what the parts of a server need from its context.
struct bare_context {
  using runtime_type = sim::runtime;
  explicit bare_context(sim_bench& bench)
      : world(bench.server), group(bench.world.get_executor()) {}

  runtime_type& runtime() { return world; }
  template <class Event>
  void emit(const Event&) {}
  template <class F>
  void on_control_plane(F) {}

  runtime_type world;
  std::shared_ptr<const config::server> settings = std::make_shared<const config::server>();
  const std::shared_ptr<server_side::listening_addresses> addresses =
      std::make_shared<server_side::listening_addresses>();
  io::task_group group;
};

/// A service with two addresses.
std::shared_ptr<const config::server_service> twofold_service() {
  auto out = std::make_shared<config::server_service>();
  out->name = "web";
  out->bind_addr.push_back({"0.0.0.0", 5202});
  out->bind_addr.push_back({"0.0.0.0", 5203});
  return out;
}

io::awaitable<void> note(bool& done) {
  done = true;
  co_return;
}

/// Sends far more than a peer should accept, unless the other end closes.
io::awaitable<void> flood(sim::stream& to, std::size_t& sent) {
  const std::string much(1000, 'x');
  while (sent < std::size_t{1} << 20) {
    const auto taken = co_await to.write(bytes(much));
    if (!taken) co_return;
    sent += much.size();
  }
}

io::task<void> end_by(sim::runtime on, sim::stream& stream, time_point deadline) {
  co_await io::lingering_close(on, stream, deadline);
  co_return result<void>{};
}

}  // namespace

TEST_CASE("at once: operations of the simulation complete at once if that is chosen") {
  sim_bench bench;
  const address own{"127.0.0.1", 80};
  bench.world.net().complete_at_once(1000);
  auto listening = bench.must(bench.client.listen(own));
  const auto began = bench.world.now();
  auto near = bench.must(bench.client.connect(own, {}, time_point::max(), {}));
  CHECK(bench.world.now() == began);
  CHECK(bench.get(bench.client.connect({"127.0.0.1", 81}, {}, time_point::max(), {})).error() ==
        std::errc::connection_refused);
  CHECK(bench.world.now() == began);
  auto far = bench.must(listening.accept());
  bench.must(near.write(bytes("hello")));
  CHECK(bench.must(test::read_once(far)) == "hello");

  // The end of a cut link is not reported faster.
  bench.world.net().partition("client", "client");
  const auto dial = bench.begin(bench.client.connect(own, {}, bench.world.now() + 3s, {}));
  CHECK(bench.get(dial).error() == errc::timed_out);

  bench.world.net().heal("client", "client");
  bench.world.net().complete_at_once(0);
  const auto later = bench.world.now();
  bench.must(bench.client.connect(own, {}, time_point::max(), {}));
  CHECK(bench.world.now() > later);
}

TEST_CASE("at once: a group's work never begins inside spawn") {
  sim_bench bench;
  bool done = false;
  bool done_within = true;
  bench.world.call_at(bench.world.now(), [&] {
    bench.tasks.spawn(note(done));
    done_within = done;
  });
  bench.world.run_for(1ms);
  CHECK(done);
  CHECK_FALSE(done_within);
}

TEST_CASE("at once: UDP visitors whose sockets cannot be opened") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.world.net().complete_at_once(1000);
  tunnel.server_settings.services[0].kind = config::service_kind::udp;
  tunnel.client_settings.services[0].kind = config::service_kind::udp;
  tunnel.client_settings.services[0].local_addr = {"nowhere", 9};
  tunnel.start_both();
  auto visitor =
      tunnel.bench.must(tunnel.world.make_runtime("visitor").bind_udp({"0.0.0.0", 0}, {}));
  for (int i = 0; i < 5; ++i) {
    io::datagram one;
    one.peer = tunnel.world.net().at("server").endpoint(5202);
    one.payload = bytes("anybody?");
    visitor.send(std::span(&one, 1));
    tunnel.world.run_for(1s);
  }
  CHECK(tunnel.client->events.count<client_side::local_connect_failed>() > 0);
  visitor.close();
  tunnel.stop_all();
  CHECK(tunnel.world.net().in_use().datagram_sockets == 0);
}

TEST_CASE("at once: a server may be stopped by the observer of its first listener") {
  for (const auto kind : {config::service_kind::tcp, config::service_kind::udp}) {
    for (const unsigned at_once : {0U, 1000U}) {
      CAPTURE(at_once);
      CAPTURE(static_cast<int>(kind));
      sim_tunnel tunnel(1);
      tunnel.world.net().complete_at_once(at_once);
      auto& service = tunnel.server_settings.services[0];
      service.kind = tunnel.client_settings.services[0].kind = kind;
      service.bind_addr = twofold_service()->bind_addr;
      tunnel.start_server();
      tunnel.server->events.also_notify([&](const sim::recorded& event) {
        if (event.name == "service_listening") tunnel.server->stop();
      });
      tunnel.start_client();
      REQUIRE(tunnel.run_until([&] { return tunnel.server->ended().has_value(); }, 20s) ==
              sim::outcome::done);
      tunnel.stop_all();
      CHECK(tunnel.world.net().in_use().datagram_sockets == 0);
    }
  }
}

TEST_CASE("at once: a server may be stopped by the observer of new settings that do not fit") {
  for (const unsigned at_once : {0U, 1000U}) {
    CAPTURE(at_once);
    sim_tunnel tunnel(1);
    tunnel.world.net().complete_at_once(at_once);
    tunnel.world.net().limit_descriptors("server", 40);
    auto& service = tunnel.server_settings.services[0];
    service.kind = tunnel.client_settings.services[0].kind = config::service_kind::udp;
    tunnel.start_server();
    tunnel.start_client();
    tunnel.world.run_for(5s);
    tunnel.server->events.also_notify([&](const sim::recorded& event) {
      if (event.name == "data_channels_limited") tunnel.server->stop();
    });
    service.pool.size = 60;
    service.bind_addr = twofold_service()->bind_addr;
    tunnel.server->update(tunnel.server_settings);
    REQUIRE(tunnel.run_until([&] { return tunnel.server->ended().has_value(); }, 20s) ==
            sim::outcome::done);
    CHECK(tunnel.server->events.count<server_side::data_channels_limited>() == 1);
    tunnel.stop_all();
    CHECK(tunnel.world.net().in_use().datagram_sockets == 0);
  }
}

TEST_CASE("at once: a client that is stopped by its observer ends without a pause") {
  for (const char* event : {"control_channel_starting", "control_channel_failed"}) {
    // The first pause is about 500 ms, the eighth one a minute.
    for (const std::size_t attempts : {1U, 8U}) {
      CAPTURE(event);
      CAPTURE(attempts);
      sim_tunnel tunnel(1);
      tunnel.client_settings.services[0].retry_interval = 60s;
      tunnel.start_client();
      std::size_t seen = 0;
      tunnel.client->events.also_notify([&](const sim::recorded& latest) {
        if (latest.name == event && ++seen == attempts) tunnel.client->stop();
      });
      REQUIRE(tunnel.run_until([&] { return seen == attempts; }) == sim::outcome::done);
      CHECK(tunnel.run_until([&] { return tunnel.client->ended().has_value(); }, 100ms) ==
            sim::outcome::done);
      CHECK(tunnel.client->events.count<client_side::control_channel_starting>() == attempts);
    }
  }
}

TEST_CASE("at once: what was closed does not listen again") {
  sim_bench bench;
  const auto context = std::make_shared<bare_context>(bench);
  const auto service = twofold_service();
  SUBCASE("for visitors of a UDP service") {
    server_side::udp_listeners<bare_context> listeners(context, context->world, [](auto&) {});
    listeners.open(service, nullptr);
    bench.world.run_for(1s);
    CHECK(bench.world.net().in_use().datagram_sockets == 2);
    listeners.close();
    listeners.open(service, nullptr);
    bench.world.run_for(1s);
    CHECK(bench.world.net().in_use().datagram_sockets == 0);
  }
  SUBCASE("for clients") {
    using listeners_type = server_side::client_listeners<sim::acceptor>;
    listeners_type listeners;
    listeners.close();
    const address at{"0.0.0.0", 2333};
    auto late = std::make_shared<listeners_type::listener>(at, bench.must(bench.server.listen(at)));
    listeners.add(late);
    CHECK(late->closing.stop_requested());
    CHECK_FALSE(listeners.find(at));
  }
}

TEST_CASE("at once: a lingering close is bounded in bytes and in time") {
  for (const unsigned at_once : {0U, 1000U}) {
    CAPTURE(at_once);
    sim_bench bench;
    bench.world.net().complete_at_once(at_once);
    sim_connection pair(bench);
    const auto began = bench.world.now();
    SUBCASE("by a peer that sends at full speed") {
      std::size_t sent = 0;
      bench.tasks.spawn(flood(pair.near, sent));
      bench.must(end_by(bench.server, pair.far, time_point::max()));
      CHECK_FALSE(pair.far.is_open());
      CHECK(bench.world.now() < began + 1s);
      bench.world.run_for(1s);
      CHECK(sent <= io::lingering_bytes + 2 * sim::link_conditions().window);
      CHECK(bench.get(test::read_all(pair.near)).error() == std::errc::connection_reset);
    }
    SUBCASE("by a silent peer") {
      bench.must(end_by(bench.server, pair.far, time_point::max()));
      CHECK(bench.world.now() == began + io::lingering_time);
    }
    SUBCASE("by its deadline") {
      bench.must(end_by(bench.server, pair.far, began + 1s));
      CHECK(bench.world.now() == began + 1s);
    }
    SUBCASE("and ends with the peer") {
      const auto ending = bench.begin(end_by(bench.server, pair.far, time_point::max()));
      bench.must(pair.near.write(bytes("never mind")));
      CHECK(bench.must(test::read_all(pair.near)).empty());
      pair.near.close();
      CHECK(bench.get(ending).has_value());
      CHECK(bench.world.now() < began + 1s);
    }
  }
}
