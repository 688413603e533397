// Reloads at unfavourable moments, and many reloads under traffic.

#include "support/reload_tunnel.hpp"

#include <algorithm>
#include <string>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using test::bytes, test::read_once, test::reload_tunnel, test::sim_tunnel;

namespace {

/// The moments while a client connects: the round trips of its handshake and of a data channel.
constexpr duration last_moment = 30ms;

/// Returns what was reported about `service`, except its connections.
std::vector<std::string> events_of(const test::program& one, const std::string& service) {
  std::vector<std::string> out;
  for (const std::string& line : one.events.lines()) {
    const bool is_forward = line.find(" forward_") != line.npos;
    if (!is_forward && line.ends_with(' ' + service)) out.push_back(line);
  }
  return out;
}

}  // namespace

TEST_CASE("reload: a service is removed and added again while its client connects") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  for (duration moment = 0ms; moment <= last_moment; moment += 500us) {
    for (const duration gone : {0ms, 2ms}) {
      CAPTURE(moment.count());
      CAPTURE(gone.count());
      sim_tunnel tunnel(seed);
      tunnel.start_service("client", test::echo);
      tunnel.start_server();
      tunnel.world.run_for(1ms);
      tunnel.start_client();
      tunnel.world.run_for(moment);
      config::server without = tunnel.server_settings;
      without.services.clear();
      CHECK_FALSE(test::update(tunnel, without));
      tunnel.world.run_for(gone);
      CHECK_FALSE(test::update(tunnel, tunnel.server_settings));
      CHECK(tunnel.serves_again(5s));
      tunnel.stop_all();
    }
  }
}

TEST_CASE("reload: heartbeats change while a client connects") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  for (duration moment = 0ms; moment <= last_moment; moment += 1ms) {
    CAPTURE(moment.count());
    sim_tunnel tunnel(seed);
    tunnel.server_settings.heartbeat_interval = 0s;
    tunnel.client_settings.heartbeat_timeout = 0s;
    tunnel.start_server();
    tunnel.world.run_for(1ms);
    tunnel.start_client();
    tunnel.world.run_for(moment);
    tunnel.server_settings.heartbeat_interval = 4s;
    tunnel.client_settings.heartbeat_timeout = 10s;
    CHECK_FALSE(test::update(tunnel, tunnel.server_settings));
    tunnel.client->update(tunnel.client_settings);
    tunnel.world.run_for(1min);
    // With heartbeats the client stays connected,
    CHECK(tunnel.client->events.count<client_side::control_channel_failed>() == 0);
    // and without them it does not.
    tunnel.world.net().partition("client", "server");
    tunnel.world.run_for(11s);
    CHECK(tunnel.client->events.count<client_side::control_channel_failed>() == 1);
    tunnel.world.net().heal("client", "server");
    tunnel.stop_all();
  }
}

TEST_CASE("reload: a client's settings change before it has begun") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  reload_tunnel tunnel(seed);
  tunnel.start_service("client", test::echo);
  tunnel.start_server();
  const auto other = tunnel.client_settings.services[1];
  tunnel.client_settings.services.pop_back();
  tunnel.start_client();
  tunnel.client_settings.services.push_back(other);
  tunnel.update_client();
  CHECK(tunnel.serves(5202));
  CHECK(tunnel.serves(5203));
  CHECK(tunnel.client->events.count<client_side::control_channel_starting>() == 2);
  CHECK(tunnel.server->events.count<server_side::control_channel_replaced>() == 0);
  tunnel.stop_all();
}

TEST_CASE("reload: the number of a UDP service's data channels follows its setting at any moment") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  for (duration moment = 0ms; moment <= last_moment; moment += 1ms) {
    CAPTURE(moment.count());
    sim_tunnel tunnel(seed);
    tunnel.server_settings.services[0].kind = config::service_kind::udp;
    tunnel.client_settings.services[0].kind = config::service_kind::udp;
    tunnel.server_settings.services[0].pool.size = 6;
    tunnel.start_server();
    tunnel.world.run_for(1ms);
    tunnel.start_client();
    tunnel.world.run_for(moment);
    for (const std::size_t size : {2U, 5U, 1U}) {
      tunnel.server_settings.services[0].pool.size = size;
      CHECK_FALSE(test::update(tunnel, tunnel.server_settings));
      tunnel.world.run_for(size == 5 ? moment : 0ms);
    }
    tunnel.world.run_for(20s);
    CHECK(tunnel.world.net().held("client", "server") == 2);
    CHECK(tunnel.client->events.count<client_side::control_channel_established>() == 1);
    tunnel.stop_all();
  }
}

TEST_CASE("reload: a shorter handshake timeout applies to waiting connections too") {
  const auto seed = test::scenario_seed(5);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.server_settings.handshake_timeout = 1h;
  tunnel.start_server();
  const address listener{"server", 2333};
  const time_point begin = tunnel.world.now();
  sim::stream first = tunnel.bench.must(tunnel.bench.dial(listener));
  tunnel.world.run_for(1s);
  tunnel.server_settings.handshake_timeout = 3s;
  CHECK_FALSE(test::update(tunnel, tunnel.server_settings));
  tunnel.world.run_for(1s);
  sim::stream second = tunnel.bench.must(tunnel.bench.dial(listener));
  const auto refused = [&] { return tunnel.server->events.count<server_side::handshake_failed>(); };
  tunnel.run_until([&] { return refused() == 1; });
  CHECK(tunnel.world.now() - begin >= 3s);
  CHECK(tunnel.world.now() - begin < 3100ms);
  CHECK(tunnel.server->events.last_error<server_side::handshake_failed>() == errc::timed_out);
  tunnel.server_settings.handshake_timeout = 1h;
  CHECK_FALSE(test::update(tunnel, tunnel.server_settings));
  tunnel.run_until([&] { return refused() == 2; });
  CHECK(tunnel.world.now() - begin >= 5s);
  CHECK(tunnel.world.now() - begin < 5100ms);
  first.close();
  second.close();
  tunnel.server->stop_now();
  tunnel.world.run_for(1s);
  CHECK(tunnel.world.net().in_use().streams == 0);
}

TEST_CASE("reload: a refused service retries at once when the client's settings change") {
  const auto seed = test::scenario_seed(6);
  REPLAYABLE(seed);
  reload_tunnel tunnel(seed);
  tunnel.client_settings.services[1].retry_interval = 60s;
  tunnel.start();
  const auto other = tunnel.server_settings.services[1];
  tunnel.server_settings.services.pop_back();
  CHECK_FALSE(tunnel.update_server());
  tunnel.world.run_for(2min);
  // The pauses between refused attempts grow up to `retry_interval`.
  CHECK(tunnel.client->events.count<client_side::control_channel_failed>() < 10);
  tunnel.server_settings.services.push_back(other);
  CHECK_FALSE(tunnel.update_server());
  SUBCASE("its own") { tunnel.client_settings.services[1].nodelay = false; }
  SUBCASE("those of another service") { tunnel.client_settings.services[0].nodelay = false; }
  SUBCASE("none at all") {}
  tunnel.update_client();
  CHECK(tunnel.serves(5203, 300ms));
  tunnel.check_untouched(3);
  tunnel.finish();
}

TEST_CASE("reload: an attempt is repeated at once if the settings change before it is refused") {
  const auto seed = test::scenario_seed(9);
  REPLAYABLE(seed);
  for (duration moment = 0ms; moment <= 10ms; moment += 500us) {
    CAPTURE(moment.count());
    reload_tunnel tunnel(seed);
    tunnel.client_settings.services[1].retry_interval = 60s;
    const auto other = tunnel.server_settings.services[1];
    tunnel.server_settings.services.pop_back();
    tunnel.start_service("client", test::echo);
    tunnel.start_server();
    tunnel.start_client();
    const auto& events = tunnel.client->events;
    // One attempt for each service, and the second one for this.
    const auto begins_again = [&] {
      return events.count<client_side::control_channel_starting>() == 3;
    };
    REQUIRE(tunnel.run_until(begins_again) == sim::outcome::done);
    tunnel.world.run_for(moment);
    tunnel.server_settings.services.push_back(other);
    CHECK_FALSE(tunnel.update_server());
    tunnel.update_client();
    CHECK(tunnel.serves(5203, 300ms));
    tunnel.stop_all();
  }
}

TEST_CASE("reload: services exchange their addresses") {
  const auto seed = test::scenario_seed(7);
  REPLAYABLE(seed);
  reload_tunnel tunnel(seed);
  tunnel.start();
  auto& services = tunnel.server_settings.services;
  std::swap(services[0].bind_addr, services[1].bind_addr);
  CHECK_FALSE(tunnel.update_server());
  CHECK(tunnel.serves(5202, 300ms));
  CHECK(tunnel.serves(5203, 300ms));
  CHECK(tunnel.server->events.count<server_side::service_bind_failed>() == 0);
  CHECK(tunnel.server->events.count<server_side::service_listening>() == 4);
  tunnel.check_untouched(2);
  tunnel.finish();
}

TEST_CASE("reload: the server and a service exchange their ports") {
  const auto seed = test::scenario_seed(9);
  REPLAYABLE(seed);
  reload_tunnel tunnel(seed);
  tunnel.start();
  tunnel.server_settings.bind_addr = {"0.0.0.0", 5203};
  tunnel.server_settings.services[1].bind_addr = {"0.0.0.0", 2333};
  SUBCASE("and each works at its new one") {
    CHECK_FALSE(tunnel.update_server());
    tunnel.client_settings.remote_addr = {"server", 5203};
    tunnel.update_client();
    CHECK(tunnel.serves(2333));
    CHECK(tunnel.serves(5202));
    CHECK(tunnel.echoes(*tunnel.untouched));
    CHECK(tunnel.server->events.count<server_side::service_bind_failed>() == 0);
  }
  SUBCASE("with a service that is removed") {
    tunnel.server_settings.services.pop_back();
    CHECK_FALSE(tunnel.update_server());
    tunnel.client_settings.remote_addr = {"server", 5203};
    tunnel.client_settings.services.pop_back();
    tunnel.update_client();
    CHECK(tunnel.serves(5202));
    CHECK(tunnel.echoes(*tunnel.untouched));
  }
  SUBCASE("but keep them if another address cannot be bound") {
    auto squatter = tunnel.bench.must(tunnel.bench.server.listen(address{"0.0.0.0", 2334}));
    tunnel.server_settings.bind_addr.push_back({"0.0.0.0", 2334});
    CHECK(tunnel.update_server() == std::errc::address_in_use);
    CHECK(tunnel.serves(5203, 300ms));
    tunnel.check_untouched(2);
    tunnel.world.net().lose_connections("server", "client");
    CHECK(tunnel.serves(5203, 10s));
    CHECK(tunnel.serves(5202, 10s));
    squatter.close();
  }
  tunnel.finish();
}

TEST_CASE("reload: a listener that was closed in vain is opened again until that succeeds") {
  const auto seed = test::scenario_seed(10);
  REPLAYABLE(seed);
  reload_tunnel tunnel(seed);
  tunnel.start();
  auto squatter = tunnel.bench.must(tunnel.bench.server.listen(address{"0.0.0.0", 2334}));
  tunnel.server_settings.bind_addr =
      address_list(std::vector<address>{{"::", 2333}, {"0.0.0.0", 2334}});
  // The first operation finds the port in use; the second one opens the old address again.
  auto& operations = tunnel.world.net().operations("server");
  operations.fail_at(operations.count() + 2, std::errc::too_many_files_open);
  CHECK(tunnel.update_server() == std::errc::address_in_use);
  tunnel.world.run_for(5s);
  CHECK_FALSE(operations.is_set());
  CHECK(tunnel.server->events.count<server_side::listener_lost>() == 1);
  CHECK(tunnel.server->events.last_error<server_side::listener_lost>() ==
        std::errc::too_many_files_open);
  tunnel.check_untouched(2);
  tunnel.world.net().lose_connections("server", "client");
  CHECK(tunnel.serves(5203, 10s));
  squatter.close();
  tunnel.finish();
}

TEST_CASE("reload: a draining client ends with its connections") {
  const auto seed = test::scenario_seed(8);
  REPLAYABLE(seed);
  reload_tunnel tunnel(seed);
  tunnel.start();
  tunnel.client->drain();
  auto first = std::move(tunnel.client);
  tunnel.start_client();
  CHECK(tunnel.serves(5202));
  tunnel.world.run_for(5min);
  CHECK(tunnel.echoes(*tunnel.untouched));
  CHECK_FALSE(first->ended());
  tunnel.untouched->close();
  CHECK(tunnel.run_until([&] { return first->ended().has_value(); }, 5s) == sim::outcome::done);
  tunnel.finish();
}

namespace {

/// Returns random settings for "other" and for the client and server; those of "web" stay.
class random_edits {
 public:
  random_edits(reload_tunnel& of, std::uint64_t seed)
      : tunnel_(of), server_(of.server_settings), client_(of.client_settings), rng_(seed) {}

  void make() {
    auto& server = tunnel_.server_settings;
    auto& client = tunnel_.client_settings;
    switch (rng_.between(0, 11)) {
      case 0: server.services.resize(1); break;
      case 1: client.services.resize(1); break;
      case 2: server.services = server_.services; break;
      case 3: client.services = client_.services; break;
      case 4:
        of_both([&](auto& service) { service.token = secret(rng_.between(0, 1) ? "x" : "y"); });
        break;
      case 5: {
        const auto kind =
            rng_.between(0, 1) ? config::service_kind::udp : config::service_kind::tcp;
        of_both([&](auto& service) { service.kind = kind; });
        break;
      }
      case 6:
        of_server([&](auto& service) {
          service.bind_addr = {"0.0.0.0", static_cast<std::uint16_t>(5203 + rng_.between(0, 3))};
        });
        break;
      case 7: of_server([&](auto& service) { service.pool.size = 1 + rng_.between(0, 9); }); break;
      case 8: of_both([&](auto& service) { service.nodelay = rng_.between(0, 1) == 1; }); break;
      case 9:
        server.heartbeat_interval = std::chrono::seconds(1 + rng_.between(0, 9));
        client.heartbeat_timeout = std::chrono::seconds(15 + rng_.between(0, 9));
        break;
      case 10:
        server.max_handshakes = 1 + rng_.between(0, 99);
        server.handshake_timeout = std::chrono::seconds(1 + rng_.between(0, 9));
        client.max_dials = 1 + rng_.between(0, 9);
        break;
      case 11:
        // Adds an address for clients, or removes all but the first.
        server.bind_addr = server_.bind_addr;
        if (rng_.between(0, 1)) server.bind_addr.push_back({"0.0.0.0", 2334});
        break;
    }
    CHECK_FALSE(tunnel_.update_server());
    if (rng_.between(0, 1)) tunnel_.world.run_for(std::chrono::milliseconds(rng_.between(0, 50)));
    tunnel_.client->update(client);
  }

  sim::seeded_rng& rng() { return rng_; }

  /// Back to the first settings.
  void undo() {
    tunnel_.server_settings = server_;
    tunnel_.client_settings = client_;
    CHECK_FALSE(tunnel_.update_server());
    tunnel_.update_client();
  }

 private:
  template <class F>
  void of_server(F edit) {
    auto& services = tunnel_.server_settings.services;
    if (services.size() > 1) edit(services[1]);
  }
  template <class F>
  void of_both(F edit) {
    of_server(edit);
    auto& services = tunnel_.client_settings.services;
    if (services.size() > 1) edit(services[1]);
  }

  reload_tunnel& tunnel_;
  const config::server server_;
  const config::client client_;
  sim::seeded_rng rng_;
};

}  // namespace

TEST_CASE("reload: random changes, and a service that is not affected") {
  for (const std::uint64_t seed : test::scenario_seeds(5)) {
    REPLAYABLE(seed);
    reload_tunnel tunnel(seed);
    tunnel.start();
    tunnel.world.run_for(1s);
    const auto server_events = events_of(*tunnel.server, "web");
    const auto client_events = events_of(*tunnel.client, "web");
    random_edits edits(tunnel, seed);
    for (int i = 0; i < 50; ++i) {
      edits.make();
      const auto arriving = tunnel.bench.begin(tunnel.visit("in the middle"));
      CHECK(tunnel.echoes(*tunnel.untouched));
      CHECK(tunnel.bench.get(arriving) == "in the middle");
      tunnel.world.run_for(std::chrono::milliseconds(edits.rng().between(0, 3000)));
    }
    edits.undo();
    CHECK(tunnel.serves(5203, 35s));
    CHECK(tunnel.echoes(*tunnel.untouched));
    CHECK(events_of(*tunnel.server, "web") == server_events);
    CHECK(events_of(*tunnel.client, "web") == client_events);
    tunnel.finish();
    CHECK(tunnel.world.net().in_use().datagram_sockets == 0);
  }
}
