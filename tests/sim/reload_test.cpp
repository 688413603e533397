// Reloads of a running client and server.

#include "support/reload_tunnel.hpp"

using namespace rathole;
using namespace std::chrono_literals;
using test::reload_tunnel, test::sim_tunnel;

TEST_CASE("reload: a service is added and removed, and its active connections continue") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  reload_tunnel tunnel(seed);
  tunnel.start();
  sim::stream running = tunnel.bench.must(tunnel.dial(5203));
  REQUIRE(tunnel.echoes(running));
  const auto server_service = tunnel.server_settings.services[1];
  const auto client_service = tunnel.client_settings.services[1];

  tunnel.server_settings.services.pop_back();
  CHECK_FALSE(tunnel.update_server());
  tunnel.client_settings.services.pop_back();
  tunnel.update_client();
  tunnel.world.run_for(1s);
  CHECK(tunnel.bench.get(tunnel.dial(5203)).error() == std::errc::connection_refused);
  CHECK(tunnel.echoes(running));
  tunnel.check_untouched(2);

  tunnel.server_settings.services.push_back(server_service);
  CHECK_FALSE(tunnel.update_server());
  tunnel.client_settings.services.push_back(client_service);
  tunnel.update_client();
  CHECK(tunnel.serves(5203));
  CHECK(tunnel.echoes(running));
  tunnel.check_untouched(3);
  running.close();
  tunnel.finish();
}

TEST_CASE("reload: another token or type re-creates that control channel, and no other") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  reload_tunnel tunnel(seed);
  tunnel.start();
  SUBCASE("token") {
    tunnel.server_settings.services[1].token = secret("another");
    CHECK_FALSE(tunnel.update_server());
    tunnel.world.run_for(2s);
    CHECK_FALSE(tunnel.serves(5203, 200ms));
    CHECK(tunnel.client->events.last_error<client_side::control_channel_failed>() ==
          errc::authentication_failed);
    // The refused service is retried at once.
    tunnel.world.run_for(60s);
    tunnel.client_settings.services[1].token = secret("another");
    tunnel.update_client();
    CHECK(tunnel.serves(5203, 300ms));
    tunnel.check_untouched(3);
  }
  SUBCASE("type") {
    tunnel.server_settings.services[1].kind = config::service_kind::udp;
    tunnel.client_settings.services[1].kind = config::service_kind::udp;
    CHECK_FALSE(tunnel.update_server());
    tunnel.update_client();
    tunnel.world.run_for(2s);
    CHECK(tunnel.world.net().in_use().datagram_sockets == 1);
    tunnel.server_settings.services[1].kind = config::service_kind::tcp;
    tunnel.client_settings.services[1].kind = config::service_kind::tcp;
    CHECK_FALSE(tunnel.update_server());
    tunnel.update_client();
    CHECK(tunnel.serves(5203));
    CHECK(tunnel.world.net().in_use().datagram_sockets == 0);
    CHECK(tunnel.echoes(*tunnel.untouched));
  }
  tunnel.finish();
}

TEST_CASE("reload: a service's addresses change while its control channel stays") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  reload_tunnel tunnel(seed);
  tunnel.start();
  sim::stream running = tunnel.bench.must(tunnel.dial(5203));
  REQUIRE(tunnel.echoes(running));
  tunnel.server_settings.services[1].bind_addr =
      address_list(std::vector<address>{{"0.0.0.0", 5204}, {"0.0.0.0", 5205}});
  CHECK_FALSE(tunnel.update_server());
  CHECK(tunnel.serves(5204));
  CHECK(tunnel.serves(5205));
  CHECK(tunnel.bench.get(tunnel.dial(5203)).error() == std::errc::connection_refused);
  CHECK(tunnel.echoes(running));
  tunnel.check_untouched(2);
  running.close();
  tunnel.finish();
}

TEST_CASE("reload: settings for later connections re-create nothing") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  reload_tunnel tunnel(seed);
  tunnel.start();
  tunnel.server_settings.heartbeat_interval = 5s;
  tunnel.server_settings.handshake_timeout = 2s;
  tunnel.server_settings.max_handshakes = 3;
  tunnel.server_settings.services[1].nodelay = false;
  tunnel.server_settings.services[1].pool.size = 3;
  tunnel.server_settings.services[1].idle_timeout = 100s;
  tunnel.client_settings.heartbeat_timeout = 12s;
  tunnel.client_settings.services[1].retry_interval = 3s;
  tunnel.client_settings.max_dials = 9;
  CHECK_FALSE(tunnel.update_server());
  tunnel.update_client();
  tunnel.world.run_for(120s);
  // Eight for "web" and three for "other", each with one replacement.
  tunnel.server->for_each_pool([](const config::server_service& of, const auto& counts) {
    CHECK(counts.idle == of.pool.size);
  });
  tunnel.check_untouched(2);

  // The new time-out applies: the client notices within it.
  tunnel.world.net().partition("server", "client");
  tunnel.world.run_for(13s);
  CHECK(tunnel.client->events.count<client_side::control_channel_failed>() >= 2);
  tunnel.world.net().heal("server", "client");
  tunnel.world.run_for(5s);
  tunnel.finish();
}

TEST_CASE("reload: new visitors reach another local service over idle data channels") {
  const auto seed = test::scenario_seed(5);
  REPLAYABLE(seed);
  reload_tunnel tunnel(seed);
  tunnel.start();
  tunnel.world.run_for(1s);
  tunnel.client_settings.services[1].local_addr = {"127.0.0.1", 9};
  tunnel.update_client();
  CHECK_FALSE(tunnel.serves(5203, 1s));
  CHECK(tunnel.client->events.last_error<client_side::local_connect_failed>() ==
        std::errc::connection_refused);
  tunnel.client_settings.services[1].local_addr = {"127.0.0.1", 8080};
  tunnel.update_client();
  CHECK(tunnel.serves(5203, 1s));
  tunnel.check_untouched(2);
  tunnel.finish();
}

TEST_CASE("reload: the addresses for clients change") {
  const auto seed = test::scenario_seed(6);
  REPLAYABLE(seed);
  reload_tunnel tunnel(seed);
  tunnel.start();
  SUBCASE("an additional address affects no one") {
    tunnel.server_settings.bind_addr.push_back({"0.0.0.0", 2334});
    CHECK_FALSE(tunnel.update_server());
    tunnel.check_untouched(2);
    tunnel.client_settings.remote_addr = {"server", 2334};
    tunnel.update_client();
    CHECK(tunnel.serves(5203));
    CHECK(tunnel.echoes(*tunnel.untouched));
    CHECK(tunnel.server->events.count<server_side::control_channel_replaced>() == 0);
  }
  SUBCASE("a removed address ends its control channels, and no active connection") {
    tunnel.server_settings.bind_addr = {"0.0.0.0", 2334};
    CHECK_FALSE(tunnel.update_server());
    tunnel.client_settings.remote_addr = {"server", 2334};
    tunnel.update_client();
    CHECK(tunnel.serves(5203));
    CHECK(tunnel.echoes(*tunnel.untouched));
  }
  SUBCASE("an address that cannot be bound changes nothing") {
    auto port_holder = tunnel.bench.must(tunnel.bench.server.listen(address{"0.0.0.0", 2334}));
    tunnel.server_settings.bind_addr = {"0.0.0.0", 2334};
    tunnel.server_settings.services.pop_back();
    CHECK(tunnel.update_server() == std::errc::address_in_use);
    CHECK(tunnel.serves(5203));
    tunnel.check_untouched(2);
    port_holder.close();
  }
  SUBCASE("a wildcard takes the port over from a host name") {
    tunnel.server_settings.bind_addr = {"::", 2333};
    CHECK_FALSE(tunnel.update_server());
    CHECK(tunnel.serves(5203));
    CHECK(tunnel.echoes(*tunnel.untouched));
  }
  SUBCASE("a port is not given up for an address that cannot be bound") {
    auto port_holder = tunnel.bench.must(tunnel.bench.server.listen(address{"0.0.0.0", 2334}));
    tunnel.server_settings.bind_addr =
        address_list(std::vector<address>{{"::", 2333}, {"0.0.0.0", 2334}});
    CHECK(tunnel.update_server() == std::errc::address_in_use);
    tunnel.check_untouched(2);
    // Clients can still connect.
    tunnel.world.net().lose_connections("server", "client");
    CHECK(tunnel.serves(5203, 10s));
    port_holder.close();
  }
  tunnel.finish();
}

TEST_CASE("reload: a successor takes the listeners over while connections continue") {
  const auto seed = test::scenario_seed(7);
  REPLAYABLE(seed);
  reload_tunnel tunnel(seed);
  tunnel.start();
  auto second = tunnel.server->successor(tunnel.world, "server", tunnel.server_settings);
  REQUIRE(tunnel.run_until([&] { return second->events.count<server_side::ready>() == 1; }) ==
          sim::outcome::done);
  tunnel.server->drain();
  CHECK(tunnel.serves(5203, 5s));
  // The clients of both services reconnect by themselves.
  const auto both_came = [&] {
    return second->events.count<server_side::control_channel_established>() == 2;
  };
  CHECK(tunnel.run_until(both_came, 5s) == sim::outcome::done);
  // Longer than the grace time of a stopping server.
  tunnel.world.run_for(60s);
  CHECK_FALSE(tunnel.server->ended());
  CHECK(tunnel.echoes(*tunnel.untouched));
  tunnel.untouched->close();
  CHECK(tunnel.run_until([&] { return tunnel.server->ended().has_value(); }, 5s) ==
        sim::outcome::done);
  tunnel.untouched.reset();
  tunnel.server = std::move(second);
  tunnel.stop_all();
}

TEST_CASE("reload: a UDP service keeps its visitors when its number of data channels changes") {
  const auto seed = test::scenario_seed(8);
  REPLAYABLE(seed);
  reload_tunnel tunnel(seed);
  for (auto* service : {&tunnel.server_settings.services[1]}) {
    service->kind = config::service_kind::udp;
    service->pool.size = 2;
  }
  tunnel.client_settings.services[1].kind = config::service_kind::udp;
  tunnel.start();
  const auto channels = [&] { return tunnel.world.net().held("client", "server"); };
  tunnel.world.run_for(1s);
  const std::size_t with_two = channels();
  tunnel.server_settings.services[1].pool.size = 6;
  CHECK_FALSE(tunnel.update_server());
  tunnel.world.run_for(2s);
  CHECK(channels() == with_two + 4);
  tunnel.server_settings.services[1].pool.size = 1;
  CHECK_FALSE(tunnel.update_server());
  tunnel.world.run_for(5s);
  CHECK(channels() == with_two - 1);
  tunnel.server_settings.services[1].bind_addr = {"0.0.0.0", 5210};
  CHECK_FALSE(tunnel.update_server());
  tunnel.world.run_for(1s);
  CHECK(tunnel.world.net().at("server").mailboxes.size() == 1);
  CHECK(tunnel.world.net().at("server").mailboxes.contains(5210));
  tunnel.check_untouched(2);
  tunnel.finish();
}

TEST_CASE("reload: a client without a retry pause does not spin") {
  const auto seed = test::scenario_seed(9);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.client_settings.services[0].retry_interval = 0s;
  tunnel.start_client();
  tunnel.world.run_for(10s);
  CHECK(tunnel.client->events.count<client_side::control_channel_failed>() > 20);
  CHECK(tunnel.client->events.count<client_side::control_channel_failed>() < 150);
  tunnel.client->stop_now();
  CHECK(tunnel.run_until([&] { return tunnel.client->ended().has_value(); }) == sim::outcome::done);
}
