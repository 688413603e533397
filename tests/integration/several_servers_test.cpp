// A client with several servers: over each transport, while the file changes, and behind HAProxy.

#include "../support/authority.hpp"
#include "../support/server_program.hpp"
#include "../support/several_servers_scenarios.hpp"
#include "../support/transport_tables.hpp"
#include "../support/unix_sockets.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("servers: fail-over and all over each transport") {
  const transport_tables both[] = {
      tcp(),
      {"multiplexed", {}, "[client.transport]\ntype = \"tcp\"\nmultiplex = true\n"},
      noise("Noise_NK_25519_ChaChaPoly_BLAKE2s"),
      websocket(),
  };
  for (const transport_tables& by : both) {
    CAPTURE(by.name);
    for (const auto run : {scenario::fails_over, scenario::holds_on_all}) {
      server_fleet fleet(2);
      fleet.server_tables = {by.server, by.server};
      fleet.client_tables = by.client;
      run(fleet);
    }
  }
}

TEST_CASE("servers: each server has a certificate for its own name") {
  authority issuer;
  const auto identity = [&issuer](const std::string& name) {
    return pkcs12_keys(issuer.pack(issuer.issue({.names = name})));
  };
  const std::string root = "trusted_root = \"" + issuer.root() + "\"\n";
  const transport_tables first = tls("tls", identity("DNS:localhost"), root);
  const transport_tables second = tls("tls", identity("IP:127.0.0.1"), root);
  for (const bool multiplex : {false, true}) {
    for (const auto run : {scenario::fails_over, scenario::holds_on_all}) {
      server_fleet fleet(2);
      fleet.hosts = {"localhost", "127.0.0.1"};
      fleet.server_tables = {first.server, second.server};
      fleet.client_tables = first.client;
      if (multiplex) {
        fleet.client_tables.insert(fleet.client_tables.find('\n') + 1, "multiplex = true\n");
      }
      run(fleet);
    }
  }
}

TEST_CASE("servers: a change of the list touches no other server, and commands name each server") {
  server_fleet fleet(2);
  const reserved_port admin;
  fleet.client_tables = "[client.admin]\nbind_addr = \"127.0.0.1:" + std::to_string(admin) + "\"\n";
  fleet.start_server(0);
  fleet.start_server(1);
  const std::string keys = "retry_interval = 1\nstrategy = \"all\"\n";
  fleet.start_client({0, 1}, keys);
  INFO(fleet.client->output());
  const std::string file = (fleet.folder().path() / "client.toml").string();
  REQUIRE(fleet.serves(0));
  REQUIRE(fleet.serves(1));
  CHECK(run_program({"services", file}).out.contains("(2 of 2 servers)"));
  tcp_socket visitor = tcp_socket::connect(fleet.echo(0));
  visitor.send_all("x");
  REQUIRE(visitor.receive(1) == "x");
  fleet.kill_server(1);
  CHECK(
      eventually([&] { return run_program({"services", file}).out.contains("(1 of 2 servers)"); }));
  CHECK(run_program({"services", file}).out.contains("echo is down at " + fleet.address_of(1)));
  const std::string json = run_program({"services", "--json", file}).out;
  CHECK(json.contains("\"server\":\"" + fleet.address_of(0) + "\",\"state\":\"up\""));
  CHECK(json.contains("\"server\":\"" + fleet.address_of(1) + "\",\"state\":\"down\""));
  fleet.write_client({0}, keys);
  REQUIRE(fleet.client->wait_for("General configuration change detected."));
  CHECK(fleet.client->output().contains("there is only one server"));
  visitor.send_all("y");
  CHECK(visitor.receive(1) == "y");
  CHECK(fleet.serves_now(0));
  fleet.start_server(1);
  fleet.write_client({0, 1}, keys);
  CHECK(fleet.serves(1));
  visitor.send_all("z");
  CHECK(visitor.receive(1) == "z");
}

TEST_CASE("servers: a client that is run by flags has several servers") {
  server_fleet fleet(2);
  fleet.start_server(0);
  fleet.start_server(1);
  service local(echo);
  const std::string service = "echo=127.0.0.1:" + std::to_string(local.port());
  const std::vector<std::string> token{"RATHOLE_TOKEN=a secret of mine"};
  {
    process client(our_program(),
                   {"client", "--remote", fleet.address_of(0), "--remote", fleet.address_of(1),
                    "--strategy", "all", "--service", service},
                   token);
    INFO(client.output());
    CHECK(eventually([&] { return answered(fleet.echo(0)) && answered(fleet.echo(1)); }));
  }
  process client(our_program(), {"client", "--service", service},
                 {token[0], "RATHOLE_STRATEGY=all",
                  "RATHOLE_REMOTE=" + fleet.address_of(0) + "," + fleet.address_of(1)});
  INFO(client.output());
  CHECK(eventually([&] { return answered(fleet.echo(0)) && answered(fleet.echo(1)); }));
}

/// An HAProxy before two servers, as docs/operations.md shows it, with short intervals. It asks them
/// by TLS if `ca`, the file of an authority, is not empty.
struct balancer : server_program {
  balancer(const server_fleet& fleet, std::uint16_t first_check, std::uint16_t second_check,
           const std::string& ca = {}) {
    const auto server = [](const char* name, std::uint16_t at, std::uint16_t check) {
      return std::string("    server ") + name + " 127.0.0.1:" + std::to_string(at) + " port " +
             std::to_string(check) + "\n";
    };
    const std::string by_tls = ca.empty() ? "" : " check-ssl verify required ca-file " + ca;
    const std::string text =
        "global\n    nbthread 1\n    maxconn 500\n    stats socket " + socket() +
        " mode 600 level admin\ndefaults\n    mode tcp\n    timeout connect 2s\n"
        "    timeout client 30s\n    timeout server 30s\n    option redispatch\n    retries 3\n"
        "frontend visitors\n    bind 127.0.0.1:" +
        std::to_string(port()) +
        "\n    default_backend servers\nbackend servers\n    balance roundrobin\n"
        "    option httpchk GET /readyz?services=all\n    http-check expect status 200\n"
        "    default-server inter 200ms fall 2 rise 1 send-proxy-v2\n    default-server check" +
        by_tls + "\n" + server("first", fleet.echo(0), first_check) +
        server("second", fleet.echo(1), second_check);
    start("haproxy", {"-db", "-f", folder().write("haproxy.cfg", text)});
  }

  /// Returns the answer of the admin socket to `command`.
  [[nodiscard]] std::string ask(const std::string& command) const {
    auto connection = connect_unix(socket());
    REQUIRE(connection);
    connection->send_all(command + "\n");
    return connection->receive_all();
  }
  /// Returns whether the last check of the server `name` has passed.
  [[nodiscard]] bool has_passed(const std::string& name) const {
    const std::string all = ask("show stat servers 4 -1");
    const auto at = all.find("servers," + name + ",");
    return at != all.npos && all.substr(at, all.find('\n', at) - at).contains(",L7OK,");
  }

 private:
  [[nodiscard]] std::string socket() const { return (folder().path() / "admin.sock").string(); }
};

/// Visitors that come to `port`, one after the other in each of four threads.
class crowd {
 public:
  explicit crowd(std::uint16_t port) {
    for (int i = 0; i < 4; ++i) {
      threads_.emplace_back([this, port] {
        while (!has_ended_) {
          const int began = phase;
          if (answered(port)) {
            ++served_;
          } else if (began % 2 == 0 && began == phase) {
            ++failed;
          }
        }
      });
    }
  }
  crowd(const crowd&) = delete;
  crowd& operator=(const crowd&) = delete;
  ~crowd() {
    has_ended_ = true;
    for (std::thread& each : threads_) each.join();
  }

  /// Waits until some hundred visitors more have been served; returns whether they have.
  [[nodiscard]] bool serve_more() const {
    const int before = served_;
    return eventually([&] { return served_ >= before + 200; });
  }

  /// Failures count in the even phases.
  std::atomic<int> phase = 0;
  /// The visitors that failed.
  std::atomic<int> failed = 0;

 private:
  std::atomic<bool> has_ended_ = false;
  std::atomic<int> served_ = 0;
  std::vector<std::thread> threads_;
};

TEST_CASE("servers: HAProxy before two servers, one of which is killed under load") {
  server_fleet fleet(2);
  const reserved_port checks[2];
  fleet.service_keys = "accept_proxy_protocol = true\ntrusted_proxies = \"127.0.0.1\"\n";
  for (const reserved_port& each : checks) {
    fleet.server_tables.push_back(
        "[server.admin]\nbind_addr = \"127.0.0.1:" + std::to_string(each) + "\"\n");
  }
  fleet.start_server(0);
  fleet.start_server(1);
  const auto ready = [&checks](std::size_t i) {
    tcp_socket asking = tcp_socket::connect(checks[i]);
    asking.send_all("GET /readyz?services=all HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    return asking.receive_all();
  };
  // Without a client no visitor is to come.
  CHECK(ready(0).ends_with("0 of 2 services can be reached\n"));
  fleet.start_client({0, 1}, "retry_interval = 1\nstrategy = \"all\"\n");
  INFO(fleet.client->output());
  REQUIRE(eventually([&] { return ready(0).contains(" 200 ") && ready(1).contains(" 200 "); }));
  const balancer front(fleet, checks[0], checks[1]);
  REQUIRE(eventually([&] { return answered(front.port()); }));

  crowd visitors(front.port());
  CHECK(visitors.serve_more());
  CHECK(visitors.failed == 0);
  // Connections through the killed server break; new ones may fail until the check has noticed.
  visitors.phase = 1;
  fleet.kill_server(0);
  const auto is_down = [&] { return front.output().contains("Server servers/first is DOWN"); };
  CHECK(eventually(is_down));
  CHECK(eventually([&] { return answered(front.port()); }));
  visitors.phase = 2;
  CHECK(visitors.serve_more());
  CHECK(visitors.failed == 0);
  // It returns, and HAProxy uses it once the client holds its services there.
  fleet.start_server(0);
  CHECK(eventually([&] { return front.output().contains("Server servers/first is UP"); }));
  CHECK(visitors.serve_more());
  CHECK(visitors.failed == 0);
}

TEST_CASE("servers: no visitor is lost while a server behind HAProxy is upgraded") {
  server_fleet fleet(2);
  const reserved_port checks[2];
  authority issuer;
  const identity_files identity = issuer.issue({.names = "IP:127.0.0.1"});
  fleet.service_keys = "accept_proxy_protocol = true\ntrusted_proxies = \"127.0.0.1\"\n";
  for (const reserved_port& each : checks) {
    fleet.server_tables.push_back(
        "[server.admin]\nbind_addr = \"127.0.0.1:" + std::to_string(each) +
        "\"\ntoken = \"another secret of mine\"\n" + "tls = { cert = \"" + identity.certificate +
        "\", key = \"" + identity.key + "\" }\n");
  }
  fleet.start_server(0);
  fleet.start_server(1);
  fleet.start_client({0, 1}, "retry_interval = 1\nstrategy = \"all\"\n");
  INFO(fleet.client->output());
  const balancer front(fleet, checks[0], checks[1], issuer.root());
  const auto both_serve = [&] { return front.has_passed("first") && front.has_passed("second"); };
  REQUIRE(eventually(both_serve));
  const auto status = [&] { return run_program({"status", "--json", fleet.server_file(0)}).out; };

  crowd visitors(front.port());
  CHECK(visitors.serve_more());
  CHECK(front.ask("set server servers/first state drain") == "\n");
  CHECK(eventually([&] { return status().contains("\"active\":0,"); }));
  CHECK(run_program({"drain", fleet.server_file(0)}).status == 0);
  CHECK(visitors.serve_more());
  fleet.stop_server(0);
  CHECK(visitors.serve_more());
  CHECK(visitors.failed == 0);
  fleet.start_server(0);
  CHECK(eventually(
      [&] { return run_program({"services", fleet.server_file(0)}).out.contains(" up "); }));
  CHECK(eventually(both_serve));
  CHECK(front.ask("set server servers/first state ready") == "\n");
  CHECK(eventually([&] { return !status().contains("\"active\":0,\"total\":0"); }));
  CHECK(visitors.serve_more());
  CHECK(visitors.failed == 0);
}

}  // namespace
}  // namespace rathole::test
