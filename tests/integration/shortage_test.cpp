// Descriptors run out on one side: idle data channels are closed for visitors, visitors that cannot
// be served are refused, and service recovers once the load is gone.

#include "../support/config_text.hpp"
#include "../support/eventually.hpp"
#include "../support/net.hpp"
#include "../support/occurrences.hpp"
#include "../support/our_program.hpp"
#include "../support/port_range_scenarios.hpp"
#include "../support/process.hpp"
#include "../support/services.hpp"
#include "../support/tunnel.hpp"
#include "../support/udp.hpp"
#include "../support/udp_visitors.hpp"
#include "../support/visitors.hpp"

#include <doctest/doctest.h>

#include <poll.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace rathole::test {
namespace {

/// The descriptor limit of a program; a few services with default pools would need more.
constexpr int few_descriptors = 256;

/// Returns a script that runs the program with at most `limit` descriptors.
std::string limited_program(temp_dir& folder, int limit = few_descriptors) {
  const std::string path = folder.write("limited", "#!/bin/sh\nulimit -n " + std::to_string(limit) +
                                                       "\nexec '" + our_program() + "' \"$@\"\n");
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path;
}

/// A tunnel of which one side has few descriptors.
struct limited_tunnel {
  explicit limited_tunnel(bool server_is_limited)
      : both({server_is_limited ? "limited server" : "limited client",
              server_is_limited ? limited_program(folder) : our_program(),
              server_is_limited ? our_program() : limited_program(folder)}) {}

  temp_dir folder;
  service local{echo};
  tunnel both;
};

/// Returns how many of the connections the peer has ended.
std::size_t ended(const std::vector<tcp_socket>& visitors) {
  std::size_t count = 0;
  for (const tcp_socket& each : visitors) {
    pollfd look{each.fd(), POLLRDHUP, 0};
    if (::poll(&look, 1, 0) > 0) ++count;
  }
  return count;
}

using steady = std::chrono::steady_clock;

/// A server with a range of ports and the admin API, and its client. Each may have 400 descriptors.
struct crowded_tunnel {
  static constexpr std::size_t all = 300;

  /// Writes both files with `size` ports from the index `first` on; running programs reload them.
  void write(std::size_t first, std::size_t size) {
    const std::string common = "default_token = \"" + std::string(default_token) + "\"\n";
    server_file = folder.write(
        "server.toml", "[server]\nworkers = 2\nbind_addr = " + quoted_address(main) + '\n' +
                           common + "[server.admin]\nbind_addr = " + quoted_address(admin) +
                           "\n[server.services.game]\ntype = \"" + type +
                           "\"\nbind_addr = \"127.0.0.1:" + ports.range(first, size) + "\"\n" +
                           service_keys);
    std::string of_client = "[client]\nworkers = 2\nremote_addr = " + quoted_address(main) +
                            "\nretry_interval = 1\n" + common;
    if (multiplexes) of_client += "[client.transport]\ntype = \"tcp\"\nmultiplex = true\n";
    for (std::size_t i = first; i < first + size; ++i) {
      of_client += "[client.services.\"game:" + std::to_string(ports.at(i)) + "\"]\ntype = \"" +
                   type + "\"\nlocal_addr = " + quoted_address(local_port()) + '\n';
    }
    client_file = folder.write(client_name, of_client);
  }
  void start() {
    server.emplace(program, std::vector<std::string>{"--server", server_file});
    REQUIRE(eventually([this] { return !refused(main); }));
    client.emplace(client_program, std::vector<std::string>{"--client", client_file});
  }
  [[nodiscard]] std::uint16_t local_port() const {
    return type == "tcp" ? echoing.port() : echoing_udp.port();
  }
  [[nodiscard]] bool serves(std::size_t index) const {
    if (type == "tcp") return round_trip(ports.at(index));
    return udp_visitor(ports.at(index)).ask("?", std::chrono::milliseconds{200}).empty();
  }
  /// Returns how many of the first `among` ports serve a visitor now.
  [[nodiscard]] std::size_t served(std::size_t among = all) const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < among; ++i) count += serves(i) ? 1 : 0;
    return count;
  }
  [[nodiscard]] bool is_healthy() const {
    auto http = tcp_socket::connect(admin);
    http.send_all("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    return http.receive(12) == "HTTP/1.1 200";
  }
  [[nodiscard]] std::string logs() const {
    return server->output() + "\n---- client:\n" + (client ? client->output() : "");
  }

  temp_dir folder;
  std::string type = "tcp";
  bool multiplexes = false;
  std::string service_keys;
  std::string client_name = "client.toml";
  std::string program = limited_program(folder, 400);
  std::string client_program = program;
  service echoing{echo};
  udp_service echoing_udp;
  port_block ports{all};
  reserved_port main;
  reserved_port admin;
  std::string server_file;
  std::string client_file;
  std::optional<process> server;
  std::optional<process> client;
};

TEST_CASE("shortage: 300 ports and 400 descriptors leave some for visitors, the API and a reload") {
  struct row {
    const char* what;
    bool client_is_limited;
    bool multiplexes;
    std::size_t served;
    std::size_t server_lines;
  };
  // The listeners and control channels of the server have 252 descriptors, of which a port takes two, or
  // one if multiplexed. The client has 336, of which a port takes three with those for a visitor.
  for (const row& each : {row{"server", false, false, 125, 1}, row{"both", true, false, 112, 0},
                          row{"both, multiplexed", true, true, 250, 1}}) {
    CAPTURE(each.what);
    crowded_tunnel t;
    t.multiplexes = each.multiplexes;
    if (!each.client_is_limited) t.client_program = our_program();
    t.write(0, crowded_tunnel::all);
    process checked(t.program, std::vector<std::string>{"--check", t.server_file});
    CHECK(checked.wait_for("server.toml:9:13: warning: server.services.\"game:"));
    t.start();
    INFO(t.logs());
    CHECK(eventually([&] { return t.served() == each.served; }));
    CHECK(t.is_healthy());
    const auto lines = [](const process& of) { return occurrences(of.output(), " ERROR "); };
    // One line, not one for each port.
    CHECK(lines(*t.server) == each.server_lines);
    const auto output = t.server->output();
    CHECK(output.contains("raise the limit of open files") == (each.server_lines > 0));
    CHECK(output.contains("with a limit of 400 open files they may have 252"));
    // One for its own descriptors, and at most 30 for each answer of the server.
    CHECK(lines(*t.client) <= 61);

    constexpr std::size_t fewer = 40;
    t.write(crowded_tunnel::all - fewer, fewer);
    for (std::size_t i = crowded_tunnel::all - fewer; i < crowded_tunnel::all; ++i) {
      CAPTURE(i);
      CHECK(eventually([&] { return t.serves(i); }));
    }
    CHECK(t.is_healthy());
    CHECK(eventually([&] { return refused(t.ports.at(0)); }));
  }
}

TEST_CASE(
    "shortage: a client that does not multiplex replaces one that does only where descriptors "
    "are") {
  constexpr std::size_t ports = 240;
  crowded_tunnel t;
  t.client_program = our_program();
  t.multiplexes = true;
  t.write(0, ports);
  t.start();
  INFO(t.logs());
  REQUIRE(eventually([&] { return t.served(ports) == ports; }));
  // Each of its control channels needs a descriptor, and the server has about ten.
  t.multiplexes = false;
  t.client_name = "plain.toml";
  t.write(0, ports);
  process plain(our_program(), {"--client", t.client_file});
  CHECK(plain.wait_for("Control channel established", 5));
  CHECK(plain.wait_for("ERROR"));
  CHECK(eventually([&] { return t.served(ports) == ports; }));
  CHECK(t.is_healthy());
  // The control channels that it has leave listeners to their services.
  t.client->kill();
  CHECK(eventually([&] { return t.served(ports) == 125; }));
  CHECK(t.is_healthy());
}

TEST_CASE(
    "shortage: new settings of UDP services get the data channels that there are descriptors for") {
  constexpr std::size_t ports = 60;
  crowded_tunnel t;
  t.client_program = our_program();
  t.type = "udp";
  t.service_keys = "pool = { size = 2 }\n";
  t.write(0, ports);
  t.start();
  INFO(t.logs());
  REQUIRE(eventually([&] { return t.served(ports) == ports; }));
  t.service_keys = "pool = { size = 8 }\n";
  t.write(0, ports);
  CHECK(t.server->wait_for("need 601 descriptors for their listeners and control channels"));
  // Twelve descriptors are left: for all that one service wants, and for some of another one's.
  CHECK(t.server->wait_for("gets 2 data channels instead of the 8 of `pool.size`", 58));
  CHECK(t.server->wait_for("gets 7 data channels instead of the 8 of `pool.size`"));
  CHECK(eventually([&] { return t.served(ports) == ports; }));
  CHECK(t.is_healthy());
  t.write(0, ports / 3);
  CHECK(eventually([&] { return t.served(ports / 3) == ports / 3; }));
}

TEST_CASE("shortage: too many worker threads for the descriptors are an error with its reason") {
  temp_dir folder;
  const reserved_port main;
  const std::string program = limited_program(folder, 64);
  const auto write = [&](const std::string& workers) {
    return folder.write("server.toml", server_toml(main, {}, "workers = " + workers));
  };
  const std::string file = write("64");
  process refusing(program, {file});
  CHECK(refusing.wait_for(
      "Error: Failed to start the worker threads: 64 worker threads need 252 descriptors, and with "
      "a limit of 64 open files there may be 5 threads: Too many open files; set fewer "
      "`workers`"));
  CHECK(refusing.wait_exit() == 1);
  process checking(program, {"--check", file});
  CHECK(checking.wait_for("server.workers: with a limit of 64 open files there may be 5"));
  CHECK(checking.wait_exit() == 0);
  write("5");
  process serving(program, {file});
  CHECK(serving.wait_for("Listening at"));
  write("6");
  CHECK(serving.wait_for("Failed to start the worker threads: 6 worker threads need"));
  CHECK_FALSE(refused(main));
}

TEST_CASE("shortage: 25 services share 256 descriptors, and each is served") {
  for (const bool server : {true, false}) {
    CAPTURE(server);
    limited_tunnel t(server);
    std::vector<std::uint16_t> ports;
    for (int i = 0; i < 25; ++i) {
      ports.push_back(t.both.add("service-" + std::to_string(i), t.local.port()));
    }
    t.both.start_server_first();
    INFO(t.both.logs());
    for (const std::uint16_t port : ports) {
      CAPTURE(port);
      CHECK(eventually([&] { return round_trip(port); }));
    }
    // All services have active visitors at the same time.
    std::vector<tcp_socket> visitors;
    for (const std::uint16_t port : ports) {
      visitors.push_back(tcp_socket::connect(port));
      visitors.back().send_all("hello");
    }
    for (tcp_socket& each : visitors) CHECK(each.receive(5) == "hello");
  }
}

TEST_CASE("shortage: service recovers once the visitors that took all descriptors are gone") {
  for (const bool server : {true, false}) {
    CAPTURE(server);
    limited_tunnel t(server);
    const std::uint16_t crowded = t.both.add("crowded", t.local.port());
    const std::uint16_t other = t.both.add("other", t.local.port());
    t.both.start_server_first();
    INFO(t.both.logs());
    REQUIRE(eventually([&] { return round_trip(crowded) && round_trip(other); }));
    tcp_socket early = tcp_socket::connect(crowded);
    early.send_all("hello");
    REQUIRE(early.receive(5) == "hello");

    std::vector<tcp_socket> visitors;
    for (int i = 0; i < 300; ++i) {
      visitors.push_back(tcp_socket::connect(crowded));
      visitors.back().try_send_all("hello");
    }
    early.send_all("again");
    CHECK(early.receive(5) == "again");
    // A server without descriptors refuses visitors; if the client has none, visitors wait.
    if (server) CHECK(eventually([&] { return ended(visitors) > 100; }, std::chrono::seconds{5}));
    early.send_all("still");
    CHECK(early.receive(5) == "still");

    visitors.clear();
    for (const std::uint16_t port : {crowded, other}) {
      const auto gone = steady::now();
      CHECK(eventually([&] { return round_trip(port); }));
      const std::chrono::duration<double> lasted = steady::now() - gone;
      MESSAGE((server ? "limited server: " : "limited client: ")
              << "served again after " << lasted.count() << " s");
      CHECK(lasted.count() < 5);
    }
    early.send_all("there");
    CHECK(early.receive(5) == "there");
  }
}

}  // namespace
}  // namespace rathole::test
