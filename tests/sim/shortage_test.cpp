// Shortages of descriptors on the server's or the client's host.

#include "support/sim_tunnel.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using test::read_once, test::sim_tunnel;

namespace {

/// Returns the number of idle data channels of the tunnel's only service.
std::size_t idle_channels(const test::program& server) {
  std::size_t out = 0;
  server.for_each_pool([&](const config::server_service&, const protocol::channel_counts& counts) {
    out += counts.idle;
  });
  return out;
}

/// A tunnel with many services of one kind, whose ports follow one another.
struct crowded_tunnel : sim_tunnel {
  crowded_tunnel(std::uint64_t seed, config::service_kind kind, std::size_t size)
      : sim_tunnel(seed) {
    for (std::size_t i = 0; i < size; ++i) {
      if (i > 0) {
        server_settings.services.push_back(server_settings.services[0]);
        client_settings.services.push_back(client_settings.services[0]);
      }
      const std::string name = "web" + std::to_string(i);
      auto& at_server = server_settings.services.back();
      at_server.name = name;
      at_server.kind = kind;
      at_server.bind_addr = {"0.0.0.0", static_cast<std::uint16_t>(5202 + i)};
      if (kind == config::service_kind::udp) at_server.pool.size = config::defaults::udp_pool_size;
      auto& at_client = client_settings.services.back();
      at_client.name = name;
      at_client.kind = kind;
    }
  }
  /// Updates both programs to the last `count` services.
  void keep_last(std::size_t count) {
    const auto keep = [count](auto& services) {
      services.erase(services.begin(), services.end() - static_cast<std::ptrdiff_t>(count));
    };
    keep(server_settings.services);
    keep(client_settings.services);
    server->update(server_settings);
    client->update(client_settings);
  }
  /// Returns how many services have an address at which the server listens.
  [[nodiscard]] std::size_t listening() const {
    const auto listens = [this](const auto& each) {
      return !server->addresses_of(each.name).empty();
    };
    return static_cast<std::size_t>(std::ranges::count_if(server_settings.services, listens));
  }
  /// Returns how many ports serve a visitor.
  std::size_t served() {
    std::size_t count = 0;
    for (const auto& each : server_settings.services) {
      const auto answer = bench.get(visit("x", {"server", each.bind_addr.front().port}));
      if (answer && *answer == "x") ++count;
    }
    return count;
  }
};

}  // namespace

TEST_CASE("shortage: a server accepts as many visitors as can have a data channel") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  auto& net = tunnel.world.net();
  // 20 in reserve, 2 listeners, a control channel: 57 for 28 visitors.
  net.limit_descriptors("server", 80);
  tunnel.start_all();
  CHECK(tunnel.run_until([&] { return idle_channels(*tunnel.server) == 8; }) == sim::outcome::done);
  std::vector<sim::stream> visitors;
  for (int i = 0; i < 100; ++i) {
    visitors.push_back(tunnel.bench.must(tunnel.arrive()));
    const std::size_t held = net.held("server", "client") + net.held("server", "visitor");
    CHECK(held <= 80 - 20);
  }
  tunnel.world.run_for(1s);
  const auto& events = tunnel.server->events;
  CHECK(events.count<server_side::forward_started>() == 28);
  CHECK(events.count<server_side::visitor_refused>() == 72);
  CHECK(events.last_error<server_side::visitor_refused>() == std::errc::too_many_files_open);
  // Active visitors are not affected.
  auto& early = visitors.front();
  const std::string question = "still there?";
  tunnel.bench.must(early.write(test::bytes(question)));
  CHECK(tunnel.bench.must(read_once(early)) == question);
  // Once the load is gone a new visitor is served at once, and the idle channels return.
  visitors.clear();
  CHECK(tunnel.serves_again(1s));
  CHECK(tunnel.run_until([&] { return idle_channels(*tunnel.server) == 8; }, 10s) ==
        sim::outcome::done);
  tunnel.stop_all();
}

TEST_CASE("shortage: listeners and control channels leave descriptors to visitors") {
  struct row {
    const char* what;
    config::service_kind kind;
    bool multiplexes;
    bool server_is_limited;
    std::size_t served;
  };
  using enum config::service_kind;
  // With 80 descriptors, 20 are in reserve. A server has 45 of the others for these, of which it needs
  // one to listen for clients; a client has all, but keeps two for a connection of each service.
  for (const row& each :
       {row{"a server: a control channel and a listener", tcp, false, true, 22},
        row{"a server: a connection for all, and a listener", tcp, true, true, 43},
        row{"a server: a control channel, a socket and two data channels", udp, false, true, 11},
        row{"a client: a control channel", tcp, false, false, 20},
        row{"a client: a control channel and two data channels", udp, false, false, 12}}) {
    CAPTURE(each.what);
    const auto seed = test::scenario_seed(4);
    REPLAYABLE(seed);
    crowded_tunnel tunnel(seed, each.kind, 60);
    tunnel.client_settings.transport.multiplex = each.multiplexes;
    const char* const limited = each.server_is_limited ? "server" : "client";
    tunnel.world.net().limit_descriptors(limited, 80);
    tunnel.start_service("client", test::echo);
    tunnel.start_server();
    tunnel.start_client();
    auto& program = each.server_is_limited ? *tunnel.server : *tunnel.client;
    std::size_t most = 0;
    for (int i = 0; i < 300; ++i) {
      tunnel.world.run_for(100ms);
      const auto use = program.descriptors();
      most = std::max(most, use.fixed + use.multiplexed);
    }
    CHECK(most <= 45);
    CHECK(tunnel.listening() == each.served);
    const auto& at_server = tunnel.server->events;
    const auto& at_client = tunnel.client->events;
    if (!each.server_is_limited) {
      CHECK(at_client.last_error<client_side::control_channel_failed>() ==
            std::errc::too_many_files_open);
    } else if (each.multiplexes) {
      CHECK(at_server.last_error<server_side::service_bind_failed>() ==
            std::errc::too_many_files_open);
      CHECK(at_server.count<server_side::client_refused>() == 0);
    } else {
      CHECK(at_server.count<server_side::service_bind_failed>() == 0);
      CHECK(at_server.last_error<server_side::client_refused>() == std::errc::too_many_files_open);
    }
    if (each.kind == tcp) CHECK(tunnel.served() == each.served);
    // A client that loses its connections gets its place again.
    const std::size_t sessions = at_client.count<client_side::control_channel_established>();
    CHECK(sessions >= each.served);

    // A shorter list is served as a whole.
    tunnel.keep_last(10);
    tunnel.world.run_for(10s);
    CHECK(tunnel.listening() == 10);
    if (each.kind == tcp) CHECK(tunnel.served() == 10);
    tunnel.stop_all();
  }
}

TEST_CASE("shortage: with a higher limit the services that had no descriptors are served") {
  for (const bool multiplexes : {false, true}) {
    CAPTURE(multiplexes);
    const auto seed = test::scenario_seed(5);
    REPLAYABLE(seed);
    crowded_tunnel tunnel(seed, config::service_kind::tcp, 60);
    tunnel.client_settings.transport.multiplex = multiplexes;
    tunnel.world.net().limit_descriptors("server", 80);
    tunnel.start_service("client", test::echo);
    tunnel.start_server();
    tunnel.start_client();
    tunnel.world.run_for(10s);
    CHECK(tunnel.listening() < 60);
    tunnel.world.net().limit_descriptors("server", 8000);
    CHECK(tunnel.run_until([&] { return tunnel.listening() == 60; }, 10s) == sim::outcome::done);
    CHECK(tunnel.served() == 60);
    tunnel.stop_all();
  }
}

TEST_CASE("shortage: a client dials only if it can also connect to the service") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  auto& net = tunnel.world.net();
  net.limit_descriptors("client", 80);
  tunnel.server_settings.services[0].pool.visitor_timeout = 2s;
  tunnel.start_all();
  std::vector<sim::stream> visitors;
  for (int i = 0; i < 100; ++i) visitors.push_back(tunnel.bench.must(tunnel.arrive()));
  tunnel.world.run_for(1s);
  // 20 in reserve, a control channel: 59 for 29 data channels and as many local connections, and one
  // more that changes hands while another is dialled.
  CHECK(tunnel.server->events.count<server_side::forward_started>() <= 30);
  CHECK(tunnel.server->events.count<server_side::forward_started>() >= 20);
  CHECK(net.held("client", "server") <= 1 + 30);
  tunnel.world.run_for(2s);
  visitors.clear();
  CHECK(tunnel.serves_again(1s));
  tunnel.stop_all();
}

TEST_CASE(
    "shortage: an accept without a descriptor is retried once idle channels have been closed") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  // The number of operations before the accept is the same for each visitor.
  for (const unsigned at_once : {0U, 1000U}) {
    CAPTURE(at_once);
    sim_tunnel tunnel(seed);
    tunnel.world.net().complete_at_once(at_once);
    tunnel.start_all();
    CHECK(tunnel.run_until([&] { return idle_channels(*tunnel.server) == 8; }) ==
          sim::outcome::done);
    auto& operations = tunnel.world.net().operations("server");
    const auto& events = tunnel.server->events;
    // One of the next operations is the accept; no visitor is lost whichever fails.
    bool yielded = false;
    for (std::uint64_t next = 1; next <= 12; ++next) {
      CAPTURE(next);
      const std::size_t sessions = events.count<server_side::control_channel_closed>();
      auto visitor = tunnel.bench.begin(tunnel.visit("hello"));
      operations.fail_at(operations.count() + next, std::errc::too_many_files_open);
      const time_point before = tunnel.world.now();
      tunnel.run_until([&] { return visitor->has_value(); }, 1min);
      // If a control channel ends, its idle data channels end too, which would prove nothing.
      const bool same_session = events.count<server_side::control_channel_closed>() == sessions;
      yielded = yielded || (same_session && idle_channels(*tunnel.server) == 0);
      CHECK(tunnel.world.now() - before < 10s);
      // The failed operation may have been the control channel's.
      CHECK(tunnel.serves_again(15s));
      tunnel.world.run_for(15s);
    }
    CHECK(yielded);
    CHECK(events.count<server_side::accept_failed>() == 0);
    CHECK(tunnel.serves_again(1s));
    tunnel.stop_all();
  }
}
