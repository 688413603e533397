// Ranges of ports, with real programs.

#include "../support/connections_to.hpp"
#include "../support/file_text.hpp"
#include "../support/occurrences.hpp"
#include "../support/port_range_scenarios.hpp"
#include "../support/transport_tables.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

pairing ours(const transport_tables& by = tcp()) {
  return {by.name, our_program(), our_program(), by.server, by.client};
}

TEST_CASE("port ranges: eleven TCP ports, with a range on both sides or on one of them") {
  for (const int sides : {3, 2, 1}) {
    CAPTURE(sides);
    ranged_tunnel t(ours());
    t.server_has_range = (sides & 1) != 0;
    t.client_has_range = (sides & 2) != 0;
    scenario::tcp_port_range(t);
  }
}

TEST_CASE("port ranges: eleven UDP ports") {
  ranged_tunnel t(ours(), "udp");
  scenario::udp_port_range(t);
}

TEST_CASE("port ranges: multiplexed, a range takes one connection") {
  ranged_tunnel t(ours(multiplexed(tcp())));
  const greeting_services locals(t.locals);
  t.start();
  INFO(t.logs());
  for (std::size_t i = 0; i < t.size; ++i) CHECK(eventually([&] { return reaches(t, i); }));
  CHECK(occurrences(t.client->output(), "Control channel established") == t.size);
  CHECK(connections_to(t.main) == 1);
}

TEST_CASE("port ranges: a reload by one port does not touch the others") {
  ranged_tunnel t(ours());
  const greeting_services locals(t.locals);
  t.start();
  INFO(t.logs());
  for (std::size_t i = 0; i < t.size; ++i) REQUIRE(eventually([&] { return reaches(t, i); }));
  auto visitor = tcp_socket::connect(t.visitors.at(5));
  const auto talks = [&visitor] {
    visitor.send_all("x");
    return visitor.receive(1) == "x";
  };
  REQUIRE(visitor.receive(3) == "5: ");
  REQUIRE(talks());
  const auto established = [&t] {
    return occurrences(t.server->output(), "Control channel established");
  };
  REQUIRE(established() == 11);

  t.size = 12;
  t.write_server();
  t.write_client();
  CHECK(eventually([&] { return reaches(t, 11); }));
  CHECK(t.server->output().contains("Service change detected. " + t.name_of(11) + " added"));
  CHECK(talks());
  CHECK(established() == 12);

  t.first = 1;
  t.size = 11;
  t.write_server();
  t.write_client();
  CHECK(eventually([&] { return refused(t.visitors.at(0)); }));
  CHECK(t.server->wait_for("Service change detected. " + t.name_of(0) + " deleted"));
  CHECK(t.client->wait_for("Service change detected. " + t.name_of(0) + " deleted"));
  CHECK(talks());
  CHECK(reaches(t, 11));
  CHECK(established() == 12);
  CHECK(occurrences(t.server->output(), "Service change detected.") == 2);
  CHECK(occurrences(t.client->output(), "Service change detected.") == 2);
}

TEST_CASE("port ranges: a file that cannot be used changes nothing") {
  ranged_tunnel t(ours());
  const greeting_services locals(t.locals);
  t.start();
  INFO(t.logs());
  REQUIRE(eventually([&] { return reaches(t, 3); }));
  t.server_tables = "[server.services.\"" + t.name_of(3) + "\"]\nbind_addr = \"127.0.0.1:1\"\n";
  t.write_server();
  CHECK(t.server->wait_for("one of its services has the name of server.services.\"" + t.name_of(3) +
                           "\" in "));
  CHECK(reaches(t, 3));
}

TEST_CASE("port ranges: the admin API, its commands and the metrics know each port") {
  ranged_tunnel t(ours());
  const reserved_port admin;
  const greeting_services locals(t.locals);
  std::filesystem::create_directory(t.folder.path() / "services.d");
  const std::string in_folder =
      "[server.services.game]\nbind_addr = \"127.0.0.1:" + t.visitors.range(0, 11) + "\"\n";
  t.folder.write("services.d/game.toml", in_folder);
  const std::string file =
      t.folder.write("server.toml", "[server]\nbind_addr = " + quoted_address(t.main) +
                                        "\ndefault_token = \"" + std::string(default_token) +
                                        "\"\n[server.admin]\nbind_addr = " + quoted_address(admin) +
                                        "\nservices_dir = \"services.d\"\n");
  t.server.emplace(our_program(), std::vector<std::string>{file});
  t.client.emplace(our_program(), std::vector<std::string>{t.write_client()});
  INFO(t.logs());
  for (std::size_t i = 0; i < t.size; ++i) REQUIRE(eventually([&] { return reaches(t, i); }));
  auto visitor = tcp_socket::connect(t.visitors.at(5));
  REQUIRE(visitor.receive(3) == "5: ");

  const std::string services = run_program({"services", file}).out;
  CHECK(lines(services).size() == 12);
  CHECK(services.contains(t.name_of(10) + ' '));
  CHECK(run_program({"connections", file, "--service", t.name_of(5)}).out.contains(t.name_of(5)));
  CHECK(run_program({"connections", file, "--service", "game"}).out.contains(t.name_of(5)));
  CHECK(run_program({"connections", file, "--service", t.name_of(11)}).status == 1);

  const auto ask = [&admin](const std::string& request, const std::string& body = "") {
    tcp_socket to = tcp_socket::connect(admin);
    to.send_all(request +
                " HTTP/1.1\r\nHost: localhost\r\nX-Rathole-Request: 1\r\nConnection: close\r\n"
                "Content-Type: application/json\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n" + body);
    return to.receive_all();
  };
  const std::string port = std::to_string(t.visitors.at(3));
  CHECK(ask("GET /metrics").contains("{service=\"game:" + port + "\""));
  CHECK(ask("GET /api/v1/services/game%3A" + port).contains("\"range\":\"game\""));
  CHECK(ask("GET /api/v1/services/game:" + port).starts_with("HTTP/1.1 200"));
  const std::string refusal = ask("DELETE /api/v1/services/game%3A" + port);
  CHECK(refusal.starts_with("HTTP/1.1 409"));
  CHECK(refusal.contains("one port of the range in [server.services.game]"));
  CHECK(file_text(t.folder.path() / "services.d/game.toml") == in_folder);

  // The table itself can be changed, without its other ports.
  CHECK(ask("PUT /api/v1/services/game",
            "{\"bind_addr\":\"127.0.0.1:" + t.visitors.range(1, 11) + "\"}")
            .starts_with("HTTP/1.1 200"));
  CHECK(eventually([&] { return refused(t.visitors.at(0)); }));
  visitor.send_all("x");
  CHECK(visitor.receive(1) == "x");
  CHECK(ask("DELETE /api/v1/services/game").starts_with("HTTP/1.1 204"));
  CHECK(eventually([&] { return refused(t.visitors.at(5)); }));
}

TEST_CASE("port ranges: flags, the check and the diagnosis") {
  const port_block visitors(3);
  const reserved_port main;
  const temp_dir folder;
  const std::string token = folder.write("token", "a secret of the test\n");
  process server(our_program(),
                 {"server", "--bind", "127.0.0.1:" + std::to_string(main), "--service",
                  "game=127.0.0.1:" + visitors.range(0, 3), "--token-file", token});
  process client(our_program(),
                 {"client", "--remote", "127.0.0.1:" + std::to_string(main), "--service",
                  "game=127.0.0.1:" + visitors.range(0, 3), "--token-file", token});
  INFO(server.output(), client.output());
  for (std::size_t i = 0; i < 3; ++i) CHECK(eventually([&] { return !refused(visitors.at(i)); }));

  const finished_run wrong = run_program({"client", "--remote", "127.0.0.1:1", "--service",
                                          "game=127.0.0.1:8010-8000", "--token-file", token});
  CHECK(wrong.status != 0);
  CHECK(wrong.all.contains("--service game: the first port 8010 is above the last one, 8000"));

  const std::string file =
      folder.write("server.toml",
                   "[server]\nbind_addr = \"127.0.0.1:0\"\ndefault_token = \"a secret of mine\"\n"
                   "[server.services.game]\nbind_addr = \"127.0.0.1:" +
                       visitors.range(0, 3) + "\"\n");
  CHECK(run_program({"--check", file}).status == 0);
  const finished_run taken = run_program({"diagnose", file});
  CHECK(taken.status != 0);
  CHECK(occurrences(taken.all, "visitors of game:") >= 3);
}

}  // namespace
}  // namespace rathole::test
