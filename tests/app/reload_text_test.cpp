#include <rathole/app/reload_text.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

namespace rathole::app {
namespace {

TEST_CASE("reload: each changed service has a line that names the changed keys") {
  config::client before;
  before.services.resize(2);
  before.services[0].name = "web";
  before.services[0].local_addr = {"127.0.0.1", 80};
  before.services[1].name = "mail";
  config::client now = before;
  now.services[0].local_addr = {"127.0.0.1", 81};
  now.services[0].idle_timeout = std::chrono::seconds(9);
  now.services[1].name = "news";
  CHECK(changes_text(before, now, false) ==
        std::vector<std::string>{
            "Service change detected. mail deleted", "Service change detected. news added",
            "Service change detected. web changed (local_addr, idle_timeout)"});
  CHECK(changes_text(before, now, true) ==
        std::vector<std::string>{"General configuration change detected. Restarting..."});

  config::server server_before;
  server_before.services.resize(1);
  server_before.services[0].name = "web";
  config::server server_now = server_before;
  server_now.services[0].pool.size = 3;
  server_now.services[0].nodelay = true;
  server_now.heartbeat_interval = std::chrono::seconds(7);
  CHECK(changes_text(server_before, server_now, false) ==
        std::vector<std::string>{"Service change detected. web changed (pool, nodelay)",
                                 "General configuration change detected."});
}

TEST_CASE("reload: changed rules on who may come are named") {
  config::server before;
  before.services.resize(1);
  before.services[0].name = "web";
  config::server now = before;
  now.access.deny.emplace_back();
  config::server_service& web = now.services[0];
  web.access.allow.emplace_back();
  web.access.deny.emplace_back();
  web.max_connections = 7;
  web.max_connections_per_address = 3;
  web.new_connections_per_second = connection_rate{5, 10};
  web.bandwidth.in = 1024;
  web.on_conflict = config::conflict_policy::balance;
  web.max_clients = 3;
  web.affinity = config::client_affinity::source;
  CHECK(changes_text(before, now, false) ==
        std::vector<std::string>{
            "Service change detected. web changed (allow, deny, max_connections, "
            "max_connections_per_address, new_connections_per_second, bandwidth_limit, "
            "on_conflict, max_clients, affinity)",
            "General configuration change detected."});
}

TEST_CASE("reload: a port of a service and another transport in one change need two") {
  config::server in_use;
  in_use.bind_addr = {"0.0.0.0", 1000};
  in_use.services.resize(3);
  in_use.services[0].name = "dns";
  in_use.services[0].kind = config::service_kind::udp;
  in_use.services[0].bind_addr = {"0.0.0.0", 2000};
  in_use.services[1].name = "mail";
  in_use.services[1].bind_addr = {"127.0.0.1", 25};
  in_use.services[2].name = "web";
  in_use.services[2].bind_addr = {"127.0.0.1", 3000};
  in_use.services[2].bind_addr.push_back({"127.0.0.1", 2000});
  config::server wanted = in_use;
  wanted.bind_addr = {"0.0.0.0", 2000};
  wanted.transport.kind = config::transport_kind::websocket;
  const auto busy = make_error_code(std::errc::address_in_use);
  CHECK(reload_failure_text(in_use, wanted, busy) ==
        "Failed to listen at `server.bind_addr` 0.0.0.0:2000: the service web listens there until "
        "the change is complete, because the transport changes too; make two changes: first the "
        "addresses, then the transport");

  const auto is_general = [&](const config::server& next, const std::error_code& error) {
    return reload_failure_text(in_use, next, error) == start_failure_text(next, error);
  };
  CHECK(is_general(wanted, make_error_code(std::errc::permission_denied)));
  config::server with_same_transport = wanted;
  with_same_transport.transport = in_use.transport;
  CHECK(is_general(with_same_transport, busy));
  config::server on_unused_port = wanted;
  on_unused_port.bind_addr = {"0.0.0.0", 4000};
  CHECK(is_general(on_unused_port, busy));
  config::server on_udp_port = wanted;
  in_use.services.resize(1);
  CHECK(is_general(on_udp_port, busy));
}

}  // namespace
}  // namespace rathole::app
