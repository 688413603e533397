#include "../support/config_text.hpp"
#include "../support/cut_proxy.hpp"
#include "../support/eventually.hpp"
#include "../support/our_program.hpp"
#include "../support/services.hpp"
#include "../support/tunnel.hpp"
#include "../support/visitors.hpp"

#include <doctest/doctest.h>

#include <sys/resource.h>

#include <csignal>
#include <cstdint>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace rathole::test {
namespace {

bool holds(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

pairing ours() { return {"our server, our client", our_program(), our_program()}; }

TEST_CASE("start: a server that cannot listen reports it in one line") {
  const temp_dir directory;
  const tcp_socket taken = tcp_socket::listen();
  const std::string busy = "127.0.0.1:" + std::to_string(taken.port());
  for (const std::string& address : {busy, std::string("192.0.2.1:2333")}) {
    CAPTURE(address);
    const std::string file = directory.write(
        "server.toml", "[server]\nbind_addr = \"" + address + "\"\n[server.services]\n");
    const finished_run run = run_program({file});
    CHECK(run.status == 5);
    CHECK(lines(run.err).size() == 1);
    CHECK(holds(run.err, address));
  }
}

TEST_CASE("start: a server waits a moment for addresses that are still in use") {
  const temp_dir directory;
  std::optional<tcp_socket> taken(tcp_socket::listen());
  const std::uint16_t port = taken->port();
  const std::string file = directory.write("server.toml", server_toml(port, {}));
  process server(our_program(), {file});
  REQUIRE(server.wait_for("trying again for 2 s"));
  CHECK(server.output().find("Listening at") == std::string::npos);
  taken.reset();
  CHECK(server.wait_for("Listening at 127.0.0.1:" + std::to_string(port)));
  server.signal(SIGTERM);
  CHECK(server.wait_exit() == 0);
}

TEST_CASE("start: port 0 is chosen by the system and logged") {
  service local(echo);
  const temp_dir directory;
  process server(our_program(), {directory.write("server.toml", server_toml(0, {{"echo", 0}}))});
  INFO(server.output());
  REQUIRE(server.wait_for("Listening at 127.0.0.1:"));
  REQUIRE(eventually([&] { return holds(server.output(), "\n"); }));
  const std::uint16_t port = listening_ports(server.output()).at(0);
  REQUIRE(port != 0);
  process client(our_program(),
                 {directory.write("client.toml", client_toml(port, {{"echo", local.port()}}))});
  INFO(client.output());
  CHECK(client.wait_for("Control channel established"));
  REQUIRE(server.wait_for("Listening at 127.0.0.1:", 2));
  CHECK(eventually([&] { return round_trip(listening_ports(server.output()).at(1)); }));
  CHECK(holds(server.output(), "Control channel established"));
}

TEST_CASE("start: one file serves both sides, and a client may start before its server") {
  service local(echo);
  const temp_dir directory;
  const reserved_port main_port;
  const reserved_port visitors;
  const std::string file =
      directory.write("unified.toml", server_toml(main_port, {{"echo", visitors}}) +
                                          client_toml(main_port, {{"echo", local.port()}}));
  process client(our_program(), {"-c", file});
  INFO(client.output());
  REQUIRE(client.wait_for("etry"));
  process server(our_program(), {"-s", file});
  INFO(server.output());
  CHECK(eventually([&] { return round_trip(visitors); }));
}

TEST_CASE("start: a service port in use is retried and logged once") {
  service local(echo);
  tcp_socket taken = tcp_socket::listen();
  const reserved_port main_port;
  const temp_dir directory;
  const std::uint16_t visitors = taken.port();
  process server(our_program(),
                 {directory.write("server.toml", server_toml(main_port, {{"echo", visitors}}))});
  process client(
      our_program(),
      {directory.write("client.toml", client_toml(main_port, {{"echo", local.port()}}))});
  INFO(server.output());
  REQUIRE(client.wait_for("Control channel established"));
  const std::string address = "127.0.0.1:" + std::to_string(visitors);
  REQUIRE(server.wait_for(address));
  CHECK_FALSE(server.wait_for(address, 2, 0, std::chrono::seconds{3}));
  taken.close();
  CHECK(eventually([&] { return round_trip(visitors); }));
  CHECK(holds(server.output(), "Listening at " + address));
}

TEST_CASE("start: the descriptor limit is raised and logged") {
  const temp_dir directory;
  const std::string file = directory.write("server.toml", server_toml(0, {}));
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit low = before;
  low.rlim_cur = 128;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
  process server(our_program(), {file});
  setrlimit(RLIMIT_NOFILE, &before);
  INFO(server.output());
  REQUIRE(server.wait_for("Listening at"));
  rlimit now{};
  REQUIRE(prlimit(server.pid(), RLIMIT_NOFILE, nullptr, &now) == 0);
  CHECK(now.rlim_cur == before.rlim_max);
  CHECK(holds(server.output(), std::to_string(now.rlim_cur)));
}

/// Returns everything that a server logs from its start until it listens, at the level set by the
/// environment.
std::string output_of_start(const std::vector<std::string>& environment) {
  const temp_dir directory;
  const reserved_port port;
  process server(our_program(), {directory.write("server.toml", server_toml(port, {}))},
                 environment);
  if (!eventually([&] { return !refused(port); })) return "never listened";
  server.signal(SIGTERM);
  if (server.wait_exit() != 0) return "ended badly";
  return server.output();
}

TEST_CASE("start: the log level comes from RATHOLE_LOG, then RUST_LOG, then info") {
  struct level {
    std::vector<std::string> environment;
    bool is_logged;
  };
  const level levels[] = {
      {{}, true},
      {{"RATHOLE_LOG=error"}, false},
      {{"RUST_LOG=error"}, false},
      {{"RUST_LOG=rathole=trace"}, true},
      {{"RUST_LOG=rathole=error"}, false},
      {{"RUST_LOG=info,rathole=error"}, false},
      {{"RATHOLE_LOG=error", "RUST_LOG=trace"}, false},
      {{"RATHOLE_LOG=debug", "RUST_LOG=error"}, true},
      {{"RUST_LOG=,,=nonsense"}, true},
  };
  for (const level& each : levels) {
    std::string shown;
    for (const std::string& variable : each.environment) shown += variable + " ";
    CAPTURE(shown);
    const std::string output = output_of_start(each.environment);
    CAPTURE(output);
    CHECK(holds(output, "Listening at 127.0.0.1:") == each.is_logged);
    CHECK_FALSE(holds(output, "\x1b"));
    if (!each.is_logged) CHECK(output == "");
  }
}

std::string hex(std::string_view bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += {digits[byte >> 4], digits[byte & 15]};
  }
  return text;
}

TEST_CASE("start: no secret appears in any output") {
  const std::string right = "right-" + hex(random_bytes(8, std::random_device{}()));
  const std::string held = "held-" + hex(random_bytes(8, std::random_device{}()));
  const std::string guess = "guess-" + hex(random_bytes(8, std::random_device{}()));
  service local(echo);
  tunnel t(ours());
  cut_proxy proxy(t.port());
  t.remote_port = proxy.port();
  t.environment = {"RATHOLE_LOG=trace"};
  const std::uint16_t port = t.add("good", local.port(), right, right);
  t.add("bad", local.port(), held, guess);
  t.start();
  REQUIRE(eventually([&] { return round_trip(port); }));
  REQUIRE(t.client->wait_for("Incorrect token"));
  for (auto* program : {&t.client, &t.server}) {
    (*program)->signal(SIGTERM);
    REQUIRE((*program)->wait_exit() == 0);
  }
  const std::string output = t.logs();
  CHECK(holds(output, "Control channel established"));
  for (const std::string& secret : {right, held, guess}) {
    CHECK_FALSE(holds(output, secret));
    CHECK_FALSE(holds(output, hex(secret)));
  }
  const std::string session_keys = proxy.control_input();
  REQUIRE(session_keys.size() >= 64);
  for (std::size_t at = 0; at + 32 <= session_keys.size(); at += 32)
    CHECK_FALSE(holds(output, hex(std::string_view(session_keys).substr(at, 32))));
}

}  // namespace
}  // namespace rathole::test
