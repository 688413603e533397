// Reloads of running programs that exchange ports, and mistakes of the operator.

#include "../support/config_text.hpp"
#include "../support/eventually.hpp"
#include "../support/occurrences.hpp"
#include "../support/our_program.hpp"
#include "../support/services.hpp"
#include "../support/temp_dir.hpp"
#include "../support/udp_scenarios.hpp"
#include "../support/visitors.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::test {
namespace {

TEST_CASE("reload: the server and a service exchange their ports, and back") {
  const temp_dir folder;
  service local(echo);
  const reserved_port first;
  const reserved_port second;
  const reserved_port other;
  const auto write = [&](std::uint16_t main, std::uint16_t port) {
    const std::vector<service_entry> visitors = {{"a", port}, {"b", other}};
    const std::vector<service_entry> locals = {{"a", local.port()}, {"b", local.port()}};
    return std::pair(folder.write("server.toml", server_toml(main, visitors)),
                     folder.write("client.toml", client_toml(main, locals, "retry_interval = 1")));
  };
  const auto files = write(first, second);
  process server(our_program(), {files.first});
  process client(our_program(), {files.second});
  INFO(server.output(), client.output());
  REQUIRE(eventually([&] { return round_trip(second) && round_trip(other); }));
  auto running = tcp_socket::connect(other);
  running.send_all("before");
  REQUIRE(running.receive(6) == "before");

  for (std::size_t times = 1; times <= 2; ++times) {
    const std::uint16_t main = times == 1 ? second : first;
    const std::uint16_t port = times == 1 ? first : second;
    write(main, port);
    CHECK(server.wait_for("The changed configuration is in use", times));
    CHECK(eventually([&] { return round_trip(port) && round_trip(other); }));
    running.send_all("after");
    CHECK(running.receive(5) == "after");
  }
  CHECK(server.output().find("in use;") == std::string::npos);
}

TEST_CASE("reload: ports that change together with the transport need two changes") {
  const temp_dir folder;
  service local(echo);
  const reserved_port first;
  const reserved_port second;
  const auto write = [&](std::uint16_t main, std::uint16_t port, std::string_view tables) {
    return folder.write("server.toml", server_toml(main, {{"a", port}}, {}, tables));
  };
  constexpr std::string_view websocket =
      "[server.transport]\ntype = \"websocket\"\nwebsocket = {tls = false}\n";
  process server(our_program(), {write(first, second, {})});
  process client(our_program(),
                 {folder.write("client.toml", client_toml(first, {{"a", local.port()}}))});
  INFO(server.output(), client.output());
  REQUIRE(eventually([&] { return round_trip(second); }));

  write(second, first, websocket);
  CHECK(server.wait_for("The changed configuration cannot be applied. The old one is in use"));
  CHECK(server.output().contains(
      ": the service a listens there until the change is complete, because the transport changes "
      "too; make two changes: first the addresses, then the transport"));
  CHECK(eventually([&] { return round_trip(second); }));

  write(second, first, {});
  CHECK(server.wait_for("The changed configuration is in use"));
  write(second, first, websocket);
  CHECK(server.wait_for("The changed configuration is in use", 2));
}

TEST_CASE("reload: UDP services exchange their ports, whatever threads they are on") {
  const temp_dir folder;
  udp_service local;
  const reserved_port main;
  const reserved_port first = reserve_both();
  const reserved_port second = reserve_both();
  const auto entry = [](const char* name, std::uint16_t port) {
    return service_entry{
        .name = name, .port = port, .token = std::string(default_token), .keys = "type = \"udp\""};
  };
  const auto write_server = [&](std::uint16_t a, std::uint16_t b) {
    return folder.write("server.toml",
                        server_toml(main, {entry("a", a), entry("b", b)}, "workers = 4"));
  };
  process server(our_program(), {write_server(first, second)});
  process client(
      our_program(),
      {folder.write("client.toml",
                    client_toml(main, {entry("a", local.port()), entry("b", local.port())},
                                "retry_interval = 1"))});
  INFO(server.output(), client.output());
  REQUIRE(eventually(
      [&] { return udp_visitor(first).is_served() && udp_visitor(second).is_served(); }));
  for (std::size_t times = 1; times <= 15; ++times) {
    times % 2 == 1 ? write_server(second, first) : write_server(first, second);
    server.signal(SIGHUP);
    REQUIRE(server.wait_for("The changed configuration is in use", times));
    CHECK(server.wait_for("Listening at", 3 + 2 * times));
  }
  CHECK(udp_visitor(first).is_served());
  CHECK(udp_visitor(second).is_served());
  CHECK(server.output().find("in use;") == std::string::npos);
}

TEST_CASE("reload: a directory in place of the configuration is reported without a signal") {
  const temp_dir folder;
  const reserved_port main;
  const reserved_port port;
  const std::string file = folder.write("server.toml", server_toml(main, {{"a", port}}));
  process server(our_program(), {file});
  REQUIRE(server.wait_for("Start watching the config"));
  const std::filesystem::path kept = folder.path() / "kept";
  std::filesystem::rename(file, kept);
  std::filesystem::create_directory(file);
  CHECK(server.wait_for("Failed to read the config \"" + file + "\": Is a directory"));
  // What happens in the directory is no news.
  const std::filesystem::path inside = std::filesystem::path(file) / "x";
  std::filesystem::create_directory(inside);
  std::filesystem::remove(inside);
  std::filesystem::remove(file);
  std::filesystem::rename(kept, file);
  CHECK(server.wait_for("The configuration is valid again"));
  CHECK(occurrences(server.output(), "Is a directory") == 1);
}

}  // namespace
}  // namespace rathole::test
