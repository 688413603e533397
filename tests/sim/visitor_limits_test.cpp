// Which visitors and clients a server accepts, by their addresses, their number and their rate.

#include "support/sim_udp_tunnel.hpp"

#include <rathole/core/ip_network.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using test::sim_tunnel;

namespace {

std::vector<ip_network> networks(const char* text) { return {parse_ip_network(text).value()}; }

/// Connects from `host` to `port` of the server.
io::task<sim::stream> arrive_from(sim_tunnel& tunnel, std::string_view host,
                                  std::uint16_t port = 5202) {
  auto runtime = tunnel.world.make_runtime(host);
  const address at{"server", port};
  const io::socket_options options;
  auto stream = co_await runtime.connect(at, options, tunnel.world.now() + 10s, std::stop_token());
  co_return stream;
}

/// Connects like `arrive_from`, sends `payload`, ends its own direction and reads until the connection ends.
io::task<std::string> visit_from(sim_tunnel& tunnel, std::string_view host, std::string payload,
                                 std::uint16_t port = 5202) {
  auto stream = co_await arrive_from(tunnel, host, port);
  if (!stream) co_return failure(stream.error());
  const auto sent = co_await stream->write(test::bytes(payload));
  if (sent) co_await stream->shutdown_send();
  co_return co_await test::read_all(*stream);
}

/// A tunnel whose service has limits.
struct limited_tunnel : sim_tunnel {
  explicit limited_tunnel(std::uint64_t seed) : sim_tunnel(seed) { web.pool.size = 2; }

  /// Returns whether a visitor from `host` is served.
  bool serves(std::string_view host, const std::string& payload = "hello") {
    const auto got = bench.get(visit_from(*this, host, payload));
    return got && *got == payload;
  }
  /// Returns the reason for which a visitor from `host` is refused, which takes no time at the server.
  std::error_code refusal(std::string_view host, const std::string& payload = "hello") {
    const std::size_t before = refusals();
    const time_point since = world.now();
    CHECK_FALSE(serves(host, payload));
    CHECK(refusals() == before + 1);
    CHECK(world.now() - since < 1s);
    return server->events.last_error<server_side::visitor_refused>();
  }
  [[nodiscard]] std::size_t refusals() const {
    return server->events.count<server_side::visitor_refused>();
  }
  /// Applies `web` and the other settings.
  void apply() {
    server->update(server_settings);
    run_until([&] { return server->updated().has_value(); });
  }

  config::server_service& web = server_settings.services[0];
};

}  // namespace

TEST_CASE("visitor limits: addresses that are denied or not allowed are refused at once") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  limited_tunnel tunnel(seed);
  tunnel.web.access = {.allow = networks("10.0.0.0/8"), .deny = networks("10.1.0.0/16")};
  tunnel.start_all();
  CHECK(tunnel.serves("10.0.0.1"));
  CHECK(tunnel.refusal("10.1.0.1") == errc::address_denied);
  CHECK(tunnel.refusal("192.0.2.1") == errc::address_denied);
  CHECK(tunnel.serves("10.2.0.1"));
  tunnel.stop_all();
}

TEST_CASE("visitor limits: the address that a trusted proxy names counts") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  limited_tunnel tunnel(seed);
  tunnel.web.accept_proxy_protocol = true;
  tunnel.web.trusted_proxies = networks("10.0.0.7");
  tunnel.web.access.allow = networks("203.0.113.0/24");
  tunnel.web.max_connections_per_address = 1;
  tunnel.start_all();
  const auto header = [](const std::string& from) {
    return "PROXY TCP4 " + from + " 192.0.2.1 51000 443\r\n";
  };
  const auto visit = [&](const std::string& from) {
    return tunnel.bench.get(visit_from(tunnel, "10.0.0.7", header(from) + "hello"));
  };
  CHECK(visit("203.0.113.9").value_or("") == "hello");
  CHECK(tunnel.refusals() == 0);
  CHECK_FALSE(visit("198.51.100.9"));
  CHECK(tunnel.server->events.last_error<server_side::visitor_refused>() == errc::address_denied);
  // The proxy itself is no visitor, and is not in the list; somebody else cannot claim an address.
  CHECK(tunnel.refusal("192.0.2.1", header("203.0.113.9")) == errc::address_denied);

  auto first = tunnel.bench.must(arrive_from(tunnel, "10.0.0.7"));
  tunnel.bench.must(first.write(test::bytes(header("203.0.113.1"))));
  tunnel.world.run_for(100ms);
  CHECK_FALSE(visit("203.0.113.1"));
  CHECK(tunnel.server->events.last_error<server_side::visitor_refused>() ==
        errc::too_many_of_address);
  CHECK(visit("203.0.113.2").value_or("") == "hello");
  first.close();
  tunnel.world.run_for(100ms);
  CHECK(visit("203.0.113.1").value_or("") == "hello");
  tunnel.stop_all();
}

TEST_CASE("visitor limits: connections are counted until they end, also beyond their session") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  limited_tunnel tunnel(seed);
  tunnel.web.max_connections = 3;
  tunnel.web.max_connections_per_address = 2;
  tunnel.start_all();
  std::vector<sim::stream> held;
  const auto hold = [&](std::string_view host) {
    held.push_back(tunnel.bench.must(arrive_from(tunnel, host)));
    tunnel.world.run_for(100ms);
  };
  hold("10.0.0.1");
  hold("10.0.0.1");
  CHECK(tunnel.refusal("10.0.0.1") == errc::too_many_of_address);
  CHECK(tunnel.serves("10.0.0.2"));
  hold("10.0.0.2");
  CHECK(tunnel.refusal("10.0.0.3") == errc::too_many_connections);
  CHECK(tunnel.refusal("10.0.0.1") == errc::too_many_of_address);
  // A client that comes back finds the connections that are there.
  tunnel.client->stop_now();
  tunnel.run_until([&] { return tunnel.client->ended().has_value(); });
  tunnel.world.run_for(100ms);
  held.clear();
  tunnel.world.run_for(1s);
  tunnel.start_client();
  tunnel.world.run_for(2s);
  hold("10.0.0.1");
  hold("10.0.0.1");
  CHECK(tunnel.refusal("10.0.0.1") == errc::too_many_of_address);
  // The program itself is no visitor that the limits are for.
  std::optional<server_side::connected_stream> own;
  tunnel.server->connect("web", {},
                         [&](server_side::connected_stream got) { own = std::move(got); });
  tunnel.run_until([&] { return own.has_value(); });
  REQUIRE(own->has_value());
  own.reset();
  held.clear();
  tunnel.world.run_for(1s);
  CHECK(tunnel.serves("10.0.0.1"));
  tunnel.stop_all();
}

TEST_CASE("visitor limits: new connections of an address are limited in their rate") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  limited_tunnel tunnel(seed);
  tunnel.web.new_connections_per_second = connection_rate{1, 3};
  tunnel.start_all();
  tunnel.world.run_for(10s);
  for (int i = 0; i < 3; ++i) CHECK(tunnel.serves("10.0.0.1"));
  CHECK(tunnel.refusal("10.0.0.1") == errc::too_many_new_connections);
  CHECK(tunnel.serves("10.0.0.2"));
  tunnel.world.run_for(1s);
  CHECK(tunnel.serves("10.0.0.1"));
  tunnel.stop_all();
}

TEST_CASE("visitor limits: a flood from one address asks for no data channel") {
  const auto seed = test::scenario_seed(5);
  REPLAYABLE(seed);
  limited_tunnel tunnel(seed);
  tunnel.web.new_connections_per_second = connection_rate{1, 1};
  tunnel.start_all();
  tunnel.world.run_for(10s);
  CHECK(tunnel.serves("10.0.0.1"));
  const auto& events = tunnel.server->events;
  const std::size_t forwards = events.count<server_side::forward_started>();
  std::size_t waiting = 0;
  for (int i = 0; i < 500; ++i) {
    auto each = tunnel.bench.get(arrive_from(tunnel, "10.0.0.1"));
    tunnel.server->for_each_pool([&](const auto&, const protocol::channel_counts& counts) {
      waiting = std::max(waiting, counts.waiting);
    });
  }
  CHECK(events.count<server_side::visitor_refused>() >= 490);
  CHECK(events.count<server_side::forward_started>() <= forwards + 10);
  CHECK(waiting <= 1);
  CHECK(tunnel.serves("10.0.0.2"));
  tunnel.stop_all();
}

TEST_CASE("visitor limits: a reload applies to those who come afterwards, and closes nothing") {
  const auto seed = test::scenario_seed(6);
  REPLAYABLE(seed);
  limited_tunnel tunnel(seed);
  tunnel.start_all();
  auto before = tunnel.bench.must(arrive_from(tunnel, "10.0.0.1"));
  tunnel.world.run_for(100ms);
  tunnel.web.access.deny = networks("10.0.0.0/8");
  tunnel.apply();
  CHECK(tunnel.refusal("10.0.0.1") == errc::address_denied);
  tunnel.web.access = {};
  tunnel.web.max_connections = 1;
  tunnel.apply();
  // The one from before was not counted.
  auto counted = tunnel.bench.must(arrive_from(tunnel, "10.0.0.1"));
  tunnel.world.run_for(100ms);
  CHECK(tunnel.refusal("10.0.0.2") == errc::too_many_connections);
  tunnel.web.max_connections = 2;
  tunnel.apply();
  CHECK(tunnel.serves("10.0.0.2"));
  tunnel.web.max_connections.reset();
  tunnel.apply();
  for (int i = 0; i < 3; ++i) CHECK(tunnel.serves("10.0.0.2"));
  tunnel.web.max_connections = 1;
  tunnel.apply();
  CHECK(tunnel.refusal("10.0.0.2") == errc::too_many_connections);
  tunnel.bench.must(before.write(test::bytes("still here")));
  tunnel.bench.must(before.shutdown_send());
  CHECK(tunnel.bench.must(test::read_all(before)) == "still here");
  before.close();
  counted.close();
  CHECK(tunnel.server->events.count<server_side::control_channel_established>() == 1);
  CHECK(tunnel.server->events.count<server_side::service_listening>() == 1);
  tunnel.stop_all();
}

TEST_CASE("client access: clients from denied addresses are closed before any handshake") {
  const auto seed = test::scenario_seed(7);
  REPLAYABLE(seed);
  limited_tunnel tunnel(seed);
  tunnel.start_all();
  auto& events = tunnel.server->events;
  auto waits = tunnel.bench.must(arrive_from(tunnel, "10.0.0.1", 2333));
  tunnel.world.run_for(100ms);
  CHECK_FALSE(waits.peer_has_closed());
  tunnel.server_settings.access.deny = networks("10.0.0.0/8");
  tunnel.apply();
  const time_point since = tunnel.world.now();
  CHECK_FALSE(tunnel.bench.get(visit_from(tunnel, "10.0.0.1", "x", 2333)));
  CHECK(tunnel.world.now() - since < 1s);
  CHECK(events.last_error<server_side::handshake_failed>() == errc::address_denied);
  // Whoever was there before stays.
  CHECK_FALSE(waits.peer_has_closed());
  CHECK(tunnel.serves("visitor"));
  // The client's host of this world has no IP address, so it is in no network.
  tunnel.server_settings.access = {.allow = networks("192.0.2.0/24")};
  tunnel.apply();
  CHECK(tunnel.serves("visitor"));
  tunnel.client->stop_now();
  tunnel.run_until([&] { return tunnel.client->ended().has_value(); });
  const std::size_t established = events.count<server_side::control_channel_established>();
  tunnel.start_client();
  tunnel.world.run_for(5s);
  CHECK(events.count<server_side::control_channel_established>() == established);
  tunnel.server_settings.access = {};
  tunnel.apply();
  CHECK(tunnel.serves_again(10s));
  waits.close();
  tunnel.stop_all();
}

TEST_CASE("client access: the address that a trusted proxy names counts") {
  const auto seed = test::scenario_seed(8);
  REPLAYABLE(seed);
  limited_tunnel tunnel(seed);
  tunnel.server_settings.accept_proxy_protocol = true;
  tunnel.server_settings.trusted_proxies = networks("10.0.0.7");
  tunnel.server_settings.access.deny = networks("203.0.113.0/24");
  tunnel.start_all();
  auto& events = tunnel.server->events;
  const std::string rest = " 192.0.2.1 1 2\r\n";
  CHECK_FALSE(
      tunnel.bench.get(visit_from(tunnel, "10.0.0.7", "PROXY TCP4 203.0.113.1" + rest, 2333)));
  CHECK(events.last_error<server_side::handshake_failed>() == errc::address_denied);
  const std::size_t before = events.count<server_side::handshake_failed>();
  auto other = tunnel.bench.must(arrive_from(tunnel, "10.0.0.7", 2333));
  tunnel.bench.must(other.write(test::bytes("PROXY TCP4 198.51.100.1" + rest)));
  tunnel.world.run_for(100ms);
  CHECK(events.count<server_side::handshake_failed>() == before);
  CHECK_FALSE(other.peer_has_closed());
  other.close();
  tunnel.stop_all();
}

TEST_CASE("visitor limits: datagrams of refused visitors are dropped and counted") {
  const auto seed = test::scenario_seed(9);
  REPLAYABLE(seed);
  test::udp_tunnel tunnel(seed);
  config::server_service& web = tunnel.server_settings.services[0];
  // The network of the address that datagrams of `host` have in this world.
  const auto network_at = [&](std::string_view host) {
    (void)tunnel.world.make_runtime(host);
    return std::vector{network_of(tunnel.world.net().at(host).endpoint(0), 32)};
  };
  web.access.deny = network_at("foe");
  web.max_connections_per_address = 2;
  tunnel.start_both();
  const auto lost = [&] { return tunnel.server->events.datagrams(); };
  std::vector<std::unique_ptr<test::udp_peer>> peers;
  const auto peer_at = [&](std::string_view host) -> test::udp_peer& {
    return *peers.emplace_back(std::make_unique<test::udp_peer>(tunnel.bench, host));
  };
  test::udp_peer& first = peer_at("friend");
  CHECK(tunnel.echoed(first, "one"));
  CHECK(tunnel.echoed(peer_at("friend"), "two"));
  CHECK_FALSE(tunnel.echoed(peer_at("friend"), "three"));
  CHECK_FALSE(tunnel.echoed(peer_at("foe"), "four"));
  CHECK(tunnel.echoed(peer_at("other"), "five"));
  CHECK(tunnel.echoed(first, "six"));
  // A new rule is for those who come; a forgotten visitor makes room for another one.
  web.access.deny = network_at("friend");
  web.max_connections_per_address.reset();
  web.new_connections_per_second = connection_rate{1, 2};
  tunnel.server->update(tunnel.server_settings);
  tunnel.run_until([&] { return tunnel.server->updated().has_value(); });
  CHECK(tunnel.echoed(first, "seven"));
  CHECK_FALSE(tunnel.echoed(peer_at("friend"), "eight"));
  int served = 0;
  for (int i = 0; i < 5; ++i) {
    if (tunnel.echoed(peer_at("foe"), "nine", 10ms)) ++served;
  }
  tunnel.world.run_for(2min);
  CHECK(served == 2);
  CHECK(lost().denied == 2);
  CHECK(lost().over_address_limit == 1);
  CHECK(lost().over_rate == 3);
  CHECK(lost().lost() == 6);
  peers.clear();
  tunnel.finish();
}

TEST_CASE("visitor limits: a UDP visitor that is forgotten makes room for another one") {
  const auto seed = test::scenario_seed(10);
  REPLAYABLE(seed);
  test::udp_tunnel tunnel(seed);
  config::server_service& web = tunnel.server_settings.services[0];
  web.max_connections_per_address = 1;
  web.udp.idle_timeout = 20s;
  tunnel.start_both();
  CHECK(tunnel.echoed(tunnel.visitor(), "one"));
  test::udp_peer& second = tunnel.visitor();
  CHECK_FALSE(tunnel.echoed(second, "two"));
  tunnel.world.run_for(30s);
  CHECK(tunnel.echoed(second, "three"));
  tunnel.finish();
}
