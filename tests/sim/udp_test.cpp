// UDP services through a whole tunnel in virtual time.

#include "support/sim_udp_tunnel.hpp"

#include <algorithm>
#include <optional>

using namespace rathole;
using namespace std::chrono_literals;
using test::pattern, test::udp_peer, test::udp_tunnel;

TEST_CASE("udp: datagrams of every size reach the service and return") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  udp_tunnel tunnel(seed);
  tunnel.start_both();
  udp_peer& visitor = tunnel.visitor();
  for (const std::size_t size : {0UL, 1UL, 1200UL, 2048UL, 2049UL, 9000UL, 65'507UL}) {
    CAPTURE(size);
    CHECK(tunnel.echoed(visitor, pattern(size)));
  }
  tunnel.finish();
}

TEST_CASE("udp: visitors are distinguished, and distributed over the data channels") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  udp_tunnel tunnel(seed);
  tunnel.server_settings.services[0].pool.size = 4;
  tunnel.start_both();
  for (int i = 0; i < 50; ++i) CHECK(tunnel.echoed(tunnel.visitor(), "I am " + std::to_string(i)));
  CHECK(tunnel.service->from.size() == 50);
  // The client's streams to the server: four data channels and the control channel.
  CHECK(tunnel.world.net().held("client", "server") == 5);
  tunnel.finish();
}

TEST_CASE("udp: a visitor keeps its socket when the data channels are lost") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  udp_tunnel tunnel(seed);
  tunnel.start_both();
  udp_peer& visitor = tunnel.visitor();
  REQUIRE(tunnel.echoed(visitor, "before"));
  tunnel.world.net().lose_connections("server", "client");
  CHECK(tunnel.echoed_again(visitor, 5s));
  CHECK(tunnel.service->from.size() == 1);
  SUBCASE("or when the server restarts") {
    tunnel.server->stop_now();
    tunnel.world.run_for(1s);
    tunnel.start_server();
    CHECK(tunnel.echoed_again(visitor, 10s));
    CHECK(tunnel.service->from.size() == 1);
  }
  tunnel.finish();
}

TEST_CASE("udp: datagrams that arrive without a data channel wait in the socket") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  udp_tunnel tunnel(seed);
  tunnel.start_both();
  tunnel.world.run_for(1s);
  udp_peer& visitor = tunnel.visitor();
  tunnel.world.net().refuse_connections("server", true);
  tunnel.world.net().lose_connections("server", "client");
  tunnel.world.net().refuse_connections("server", false);
  CHECK(tunnel.echoed_again(visitor, 5s));
  tunnel.finish();
}

TEST_CASE("udp: idle visitors are forgotten on both sides") {
  const auto seed = test::scenario_seed(5);
  REPLAYABLE(seed);
  udp_tunnel tunnel(seed);
  tunnel.server_settings.services[0].udp.idle_timeout = 20s;
  tunnel.client_settings.services[0].udp.idle_timeout = 10s;
  tunnel.start_both();
  udp_peer& visitor = tunnel.visitor();
  REQUIRE(tunnel.echoed(visitor, "first"));
  const std::size_t in_use = tunnel.world.net().in_use().datagram_sockets;
  for (int i = 0; i < 5; ++i) {
    tunnel.world.run_for(8s);
    CHECK(tunnel.echoed(visitor, "still here"));
  }
  CHECK(tunnel.service->from.size() == 1);
  tunnel.world.run_for(11s);
  CHECK(tunnel.world.net().in_use().datagram_sockets == in_use - 1);
  CHECK(tunnel.echoed(visitor, "back"));
  CHECK(tunnel.service->from.size() == 2);
  SUBCASE("and then the service cannot reach them") {
    const std::uint16_t last = *std::ranges::max_element(tunnel.service->from);
    tunnel.world.run_for(21s);
    visitor.got.clear();
    tunnel.service->send(tunnel.world.net().at("client").endpoint(last), "are you there?");
    tunnel.world.run_for(1s);
    CHECK(visitor.got.empty());
  }
  tunnel.finish();
}

TEST_CASE("udp: the longest idle visitor is dropped for a new one") {
  const auto seed = test::scenario_seed(6);
  REPLAYABLE(seed);
  udp_tunnel tunnel(seed);
  SUBCASE("on the client") { tunnel.client_settings.services[0].udp.max_visitors = 3; }
  SUBCASE("on the server") { tunnel.server_settings.services[0].udp.max_visitors = 3; }
  tunnel.start_both();
  for (int i = 0; i < 10; ++i) CHECK(tunnel.echoed(tunnel.visitor(), "one of many"));
  for (int i = 9; i >= 0; --i) {
    CHECK(tunnel.echoed(*tunnel.visitors[static_cast<std::size_t>(i)], "me again"));
  }
  // The service, the visitors, the server's listener, and the client's sockets.
  const bool client_bound = tunnel.client_settings.services[0].udp.max_visitors == 3;
  CHECK(tunnel.world.net().in_use().datagram_sockets == 1 + 10 + 1 + (client_bound ? 3 : 10));
  tunnel.finish();
}

TEST_CASE("udp: a client short of descriptors keeps its share of visitors, and still dials") {
  const auto seed = test::scenario_seed(11);
  REPLAYABLE(seed);
  udp_tunnel tunnel(seed);
  // A quarter is in reserve; one control channel, two data channels, and a quarter of what is left.
  tunnel.world.net().limit_descriptors("client", 80);
  constexpr std::size_t share = (80 - 20 - 3) / 4;
  tunnel.start_both();
  tunnel.world.run_for(1s);
  for (int i = 0; i < 100; ++i) CHECK(tunnel.echoed(tunnel.visitor(), "one of many"));
  const auto sockets_of_client = [&] {
    return tunnel.world.net().in_use().datagram_sockets - 1 - 100 - 1;
  };
  CHECK(sockets_of_client() <= share + 1);
  CHECK(sockets_of_client() >= share);
  // The client has descriptors to replace lost channels.
  tunnel.world.net().lose_connections("server", "client");
  CHECK(tunnel.echoed_again(*tunnel.visitors.back(), 5s));
  CHECK(sockets_of_client() <= share + 1);
  tunnel.finish();
}

TEST_CASE("udp: a service that leads back to itself is reported, and its datagrams are dropped") {
  const auto seed = test::scenario_seed(12);
  REPLAYABLE(seed);
  udp_tunnel tunnel(seed);
  tunnel.client_settings.services[0].local_addr = {"server", 5202};
  tunnel.start_both();
  tunnel.world.run_for(1s);
  const std::size_t before = tunnel.world.net().in_use().datagram_sockets;
  const auto reports = [&] { return tunnel.client->events.count<client_side::service_loops>(); };
  udp_peer& visitor = tunnel.visitor();
  for (int i = 0; i < 20; ++i) {
    visitor.send(tunnel.entry(), "hello " + std::to_string(i));
    tunnel.world.run_for(100ms);
  }
  CHECK(reports() == 1);
  // The visitor's socket, and the client's socket for it.
  CHECK(tunnel.world.net().in_use().datagram_sockets == before + 2);
  tunnel.world.run_for(58s);
  visitor.send(tunnel.entry(), "a minute later");
  tunnel.world.run_for(1s);
  visitor.send(tunnel.entry(), "and a second");
  tunnel.world.run_for(1s);
  CHECK(reports() == 2);
  CHECK(tunnel.world.net().in_use().datagram_sockets == before + 2);
  tunnel.finish();
}

TEST_CASE("udp: a service that starts late, and a link that loses and reorders") {
  const auto seed = test::scenario_seed(7);
  REPLAYABLE(seed);
  udp_tunnel tunnel(seed);
  tunnel.service.reset();
  sim::link_conditions rough;
  rough.max_delay = 30ms;
  rough.datagram_loss = 300;
  rough.max_read = 50;
  tunnel.world.net().set_conditions(rough);
  tunnel.start_both();
  udp_peer& visitor = tunnel.visitor();
  CHECK_FALSE(tunnel.echoed(visitor, "anybody?"));
  tunnel.service.emplace(tunnel.bench, "client", std::uint16_t{8080});
  tunnel.service->answers = true;
  CHECK(tunnel.echoed_again(visitor, 30s));
  tunnel.finish();
}

TEST_CASE("udp: a port in use is bound once it is free") {
  const auto seed = test::scenario_seed(8);
  REPLAYABLE(seed);
  udp_tunnel tunnel(seed);
  std::optional<udp_peer> port_holder;
  port_holder.emplace(tunnel.bench, "server", std::uint16_t{5202});
  tunnel.start_server();
  tunnel.start_client();
  tunnel.world.run_for(10s);
  // About once a second.
  CHECK(tunnel.server->events.count<server_side::service_bind_failed>() > 3);
  CHECK(tunnel.server->events.count<server_side::service_bind_failed>() < 20);
  port_holder.reset();
  CHECK(tunnel.echoed_again(tunnel.visitor(), 5s));
  tunnel.finish();
}

TEST_CASE("udp: data channels that die at once are replaced, without a busy loop") {
  const auto seed = test::scenario_seed(9);
  REPLAYABLE(seed);
  udp_tunnel tunnel(seed);
  tunnel.start_both();
  tunnel.world.run_for(1s);
  // The service's type differs on the client, which closes each data channel as soon as it is
  // started.
  config::client wrong = tunnel.client_settings;
  wrong.services[0].kind = config::service_kind::tcp;
  tunnel.client->stop_now();
  const auto other = test::run_client(tunnel.world, "client", wrong);
  tunnel.world.run_for(60s);
  const auto failures = other->events.count<client_side::data_channel_failed>();
  CHECK(failures > 10);
  CHECK(failures < 250);
  CHECK(other->events.last_error<client_side::data_channel_failed>() == errc::unexpected_traffic);
  other->stop_now();
  tunnel.world.run_for(1s);
  tunnel.finish();
}
