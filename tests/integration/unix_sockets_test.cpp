// Visitors, clients and local services at Unix-domain sockets, with real programs.

#include "../support/occurrences.hpp"
#include "../support/our_program.hpp"
#include "../support/services.hpp"
#include "../support/transport_tables.hpp"
#include "../support/unix_sockets_scenarios.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <optional>
#include <string>

namespace rathole::test {
namespace {

pairing ours(const transport_tables& by = tcp()) {
  return {by.name, our_program(), our_program(), by.server, by.client};
}

/// Our programs at both ends, and a local service at a Unix-domain socket that sends back what it gets.
struct echo_tunnel : unix_tunnel {
  echo_tunnel() : unix_tunnel(our_program(), our_program()) {
    server_service = "bind_addr = \"unix:web.sock\"\n";
    client_service = "local_addr = \"unix:local.sock\"\n";
  }
  /// Starts both programs, and waits until visitors at the socket `name` are served.
  void start_served(const char* name = "web.sock") {
    start();
    INFO(logs());
    REQUIRE(eventually([&] { return scenario::echoes(path(name)); }));
  }

  scenario::unix_echo local{path("local.sock")};
};

TEST_CASE("unix sockets: on either side of a service, over each transport") {
  authority issuer;
  const transport_tables over_tls =
      tls("tls", pkcs12_keys(issuer.pack(issuer.issue())), trust_in(issuer));
  for (const transport_tables& by :
       {tcp(), noise("Noise_NK_25519_ChaChaPoly_BLAKE2s"), over_tls, websocket()}) {
    CAPTURE(by.name);
    scenario::visitors_at_unix_sockets(ours(by));
    scenario::services_at_unix_sockets(ours(by));
  }
}

TEST_CASE("unix sockets: clients come by one, also multiplexed") {
  for (const bool is_multiplexed : {false, true}) {
    const transport_tables by = noise("Noise_NK_25519_ChaChaPoly_BLAKE2s");
    echo_tunnel t;
    t.server = "bind_addr = \"unix:tunnel.sock\"\nmode = \"0600\"\n";
    t.server_tables = by.server;
    t.client = "remote_addr = \"unix:tunnel.sock\"\n";
    t.client_tables = by.client;
    if (is_multiplexed) {
      t.client_tables.insert(t.client_tables.find("type ="), "multiplex = true\n");
    }
    t.start_served();
    INFO(t.logs());
    CHECK(mode_of(t.path("tunnel.sock")) == 0600U);
    CHECK(scenario::echoes(t.path("web.sock"), 3'000'000));
  }
}

TEST_CASE("unix sockets: a reload changes the permissions, moves the socket, and cuts nobody off") {
  echo_tunnel t;
  t.start_served();
  INFO(t.logs());
  auto visitor = connect_unix(t.path("web.sock"));
  REQUIRE(visitor);
  visitor->send_all("x");
  REQUIRE(visitor->receive(1) == "x");
  CHECK(mode_of(t.path("web.sock")) == 0660U);
  t.server_service = "bind_addr = \"unix:web.sock\"\nmode = \"0604\"\n";
  t.rewrite_server();
  CHECK(eventually([&] { return mode_of(t.path("web.sock")) == 0604U; }));
  CHECK(eventually([&] { return scenario::echoes(t.path("web.sock")); }));
  t.server_service = "bind_addr = \"unix:moved.sock\"\n";
  t.rewrite_server();
  CHECK(eventually([&] { return scenario::echoes(t.path("moved.sock")); }));
  CHECK(eventually([&] { return !mode_of(t.path("web.sock")); }));
  visitor->send_all("y");
  CHECK(visitor->receive(1) == "y");
  t.server_process->signal(SIGTERM);
  visitor->close();
  CHECK(t.server_process->wait_exit() == 0);
  CHECK_FALSE(mode_of(t.path("moved.sock")));
}

TEST_CASE(
    "unix sockets: clients stay if the permissions change, also together with the transport") {
  echo_tunnel t;
  const transport_tables secured = noise("Noise_NK_25519_ChaChaPoly_BLAKE2s");
  t.server = "bind_addr = \"unix:tunnel.sock\"\n";
  t.client = "remote_addr = \"unix:tunnel.sock\"\n";
  t.start_served();
  INFO(t.logs());
  t.server += "mode = \"0604\"\n";
  t.rewrite_server();
  CHECK(eventually([&] { return mode_of(t.path("tunnel.sock")) == 0604U; }));
  CHECK(scenario::echoes(t.path("web.sock")));
  const auto times = [&t](const char* words) {
    return occurrences(t.server_process->output(), words);
  };
  CHECK(times("Control channel established") == 1);
  t.server = "bind_addr = \"unix:tunnel.sock\"\nmode = \"0640\"\n";
  t.server_tables = secured.server;
  t.client_tables = secured.client;
  t.rewrite_server();
  CHECK(eventually([&] { return mode_of(t.path("tunnel.sock")) == 0640U; }));
  t.rewrite_client();
  CHECK(eventually([&] { return times("Control channel established") == 2; }));
  CHECK(eventually([&] { return scenario::echoes(t.path("web.sock")); }));
  CHECK(times("Failed to listen") == 0);
}

TEST_CASE("unix sockets: services exchange theirs, and clients get that of a service") {
  echo_tunnel t;
  t.server = "bind_addr = [\"unix:tunnel.sock\", \"unix:a.sock\"]\nmode = \"0600\"\n";
  t.client = "remote_addr = \"unix:tunnel.sock\"\n";
  t.server_service = "bind_addr = \"unix:b.sock\"\n";
  t.start_served("b.sock");
  INFO(t.logs());
  t.server = "bind_addr = [\"unix:tunnel.sock\", \"unix:b.sock\"]\nmode = \"0640\"\n";
  t.server_service = "bind_addr = \"unix:a.sock\"\n";
  t.rewrite_server();
  CHECK(eventually([&] { return scenario::echoes(t.path("a.sock")); }));
  CHECK(eventually([&] { return mode_of(t.path("b.sock")) == 0640U; }));
  CHECK(mode_of(t.path("tunnel.sock")) == 0640U);
}

TEST_CASE("unix sockets: a killed server leaves a file that the next one replaces") {
  echo_tunnel t;
  t.start_served();
  INFO(t.logs());
  t.server_process->signal(SIGKILL);
  REQUIRE(t.server_process->wait_exit());
  CHECK(mode_of(t.path("web.sock")));
  t.start_server();
  CHECK(eventually([&] { return scenario::echoes(t.path("web.sock")); }));
}

TEST_CASE("unix sockets: what cannot be opened is said with what to do") {
  unix_tunnel t(our_program(), our_program());
  t.server = "bind_addr = \"unix:missing/tunnel.sock\"\n";
  t.server_service = "bind_addr = \"unix:web.sock\"\n";
  t.start_server();
  REQUIRE(t.server_process->wait_exit());
  const std::string said = t.server_process->output();
  CAPTURE(said);
  CHECK(said.find("missing/tunnel.sock: No such file or directory; create the folder of the "
                  "socket") != said.npos);
}

TEST_CASE("unix sockets: HAProxy names the visitors that it passes on") {
  unix_tunnel t(our_program(), our_program());
  const nginx_behind_proxy web;
  t.server_service =
      "bind_addr = \"unix:web.sock\"\nmode = \"0666\"\naccept_proxy_protocol = true\n"
      "trusted_proxies = [\"unix:\"]\nproxy_protocol = \"v2\"\n";
  t.client_service = "local_addr = \"127.0.0.1:" + std::to_string(web.port()) + "\"\n";
  t.start();
  const haproxy_to_unix front(t.path("web.sock"));
  INFO(t.logs());
  std::uint16_t own = 0;
  std::string said;
  REQUIRE(eventually([&] {
    said = scenario::ask(front.port(), own);
    return !said.empty();
  }));
  CHECK(said == "127.0.0.1 " + std::to_string(own) + ' ' + std::to_string(front.port()));
}

}  // namespace
}  // namespace rathole::test
