#include <rathole/config/validate.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace rathole::test {
namespace {

using lines = std::vector<std::string>;

template <class Settings>
lines problems_of(const Settings& value) {
  lines out;
  for (const auto& each : config::settings_problems(value)) out.push_back(to_string(each));
  return out;
}

TEST_CASE("settings: a complete struct has no problems") {
  config::client client;
  client.remote_addr = address{"h", 1};
  CHECK(problems_of(client).empty());
  client.services.resize(2);
  client.services[1].name = "a";
  for (auto& each : client.services) each.local_addr = address{"h", 2};
  CHECK(problems_of(client).empty());
  config::server server;
  server.bind_addr = address{"h", 0};
  server.services.resize(1);
  server.services[0].bind_addr = address{"h", 0};
  CHECK(problems_of(server).empty());
}

TEST_CASE("settings: options of a transport that is not selected are problems") {
  config::client client;
  client.remote_addr = address{"h", 1};
  client.transport.tls.emplace();
  const std::string remedy =
      ", which does not use these options; set `transport.kind`, as `transport = "
      "config::tls{...}` does, or remove them";
  CHECK(problems_of(client) == lines{"client.transport.tls: the transport is `tcp`" + remedy});
  client.transport.kind = config::transport_kind::tls;
  CHECK(problems_of(client).empty());
  client.transport = config::websocket{};
  client.transport.tls.emplace();
  CHECK(problems_of(client) ==
        lines{"client.transport.tls: the transport is `websocket`" + remedy});
  client.transport.websocket->tls = true;
  CHECK(problems_of(client).empty());
  config::server server;
  server.bind_addr = address{"h", 0};
  server.transport.noise.emplace();
  server.transport.websocket.emplace();
  CHECK(problems_of(server) ==
        lines{"server.transport.noise: the transport is `tcp`" + remedy,
              "server.transport.websocket: the transport is `tcp`" + remedy});
}

TEST_CASE("settings: contradictions of the PROXY protocol are problems") {
  config::server server;
  server.bind_addr = address{"h", 0};
  server.accept_proxy_protocol = true;
  server.services.resize(2);
  for (auto& each : server.services) each.bind_addr = address{"h", 0};
  server.services[0].name = "a";
  server.services[0].accept_proxy_protocol = true;
  server.services[0].trusted_proxies.emplace_back();
  server.services[0].proxy_protocol = proxy_protocol::version::v1;
  server.services[1].name = "b";
  server.services[1].kind = config::service_kind::udp;
  server.services[1].proxy_protocol = proxy_protocol::version::v1;
  server.services[1].accept_proxy_protocol = true;
  const std::string untrusted =
      "accept_proxy_protocol: without `trusted_proxies` no connection has a header; name the "
      "networks "
      "of the proxies";
  CHECK(problems_of(server) ==
        lines{"server." + untrusted, "server.services.b." + untrusted,
              "server.services.b.proxy_protocol: version 1 is for TCP only; choose version 2",
              "server.services.b.accept_proxy_protocol: for TCP services only; leave it out"});
}

TEST_CASE("settings: limits on visitors that nothing can have are problems") {
  config::server server;
  server.bind_addr = address{"h", 0};
  server.services.resize(2);
  for (auto& each : server.services) each.bind_addr = address{"h", 0};
  server.services[0].name = "a";
  server.services[0].max_connections = 0;
  server.services[0].max_connections_per_address = 1'048'577;
  server.services[0].new_connections_per_second = connection_rate{0, 1'000'001};
  server.services[0].max_clients = 0;
  server.services[1].name = "b";
  server.services[1].kind = config::service_kind::udp;
  server.services[1].max_connections = 1;
  server.services[1].bandwidth.out = 1023;
  const std::string a = "server.services.a.";
  const std::string range = ": the number is out of range; choose 1 to ";
  CHECK(problems_of(server) ==
        lines{a + "max_connections" + range + "1048576",
              a + "max_connections_per_address" + range + "1048576",
              a + "max_clients" + range + "1024",
              a + "new_connections_per_second.rate" + range + "1000000",
              a + "new_connections_per_second.burst" + range + "1000000",
              "server.services.b.bandwidth_limit: the rate is out of range; choose 1 KiB/s to 1024 "
              "GiB/s",
              "server.services.b.bandwidth_limit: for TCP services only; leave it out",
              "server.services.b.max_connections: for TCP services only; set `udp.max_visitors` "
              "instead"});
}

TEST_CASE("settings: duplicate service names and missing addresses are problems") {
  config::client client;
  client.services.resize(3);
  for (auto& each : client.services) {
    each.name = "my web";
    each.local_addr = address{"h", 2};
  }
  const std::string twice =
      "client.services.\"my web\": two services have this name; give each service a name of its "
      "own";
  CHECK(problems_of(client) ==
        lines{"client.remote_addr: no address; name host and port, as `host:port`", twice, twice});
  config::server server;
  server.services.resize(1);
  server.services[0].name = "a";
  CHECK(problems_of(server) ==
        lines{"server.bind_addr: no address; name host and port, as `host:port`",
              "server.services.a.bind_addr: no address; name host and port, as `host:port`"});
}

}  // namespace
}  // namespace rathole::test
