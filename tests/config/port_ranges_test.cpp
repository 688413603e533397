// Ranges of ports in the configuration file.

#include "../support/config_problems.hpp"
#include "../support/temp_dir.hpp"

#include <rathole/config/diff.hpp>
#include <rathole/config/load.hpp>
#include <rathole/config/parse.hpp>
#include <rathole/config/types.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::config {
namespace {

const std::string server_head =
    "[server]\nbind_addr = \"0.0.0.0:2333\"\ndefault_token = \"a secret of mine\"\n";
const std::string client_head =
    "[client]\nremote_addr = \"h:1\"\ndefault_token = \"a secret of mine\"\n";

/// A server or client with a service `game`, whose table has the lines `keys`.
std::string server_with(const std::string& keys) {
  return server_head + "[server.services.game]\n" + keys + '\n';
}
std::string client_with(const std::string& keys) {
  return client_head + "[client.services.game]\n" + keys + '\n';
}

document usable(const std::string& text) {
  auto found = read(text, "c.toml");
  if (!found) FAIL(to_string(found.error().front()));
  CHECK(found->warnings.empty());
  return std::move(*found);
}

template <class Service>
std::vector<std::string> names_of(const std::vector<Service>& services) {
  std::vector<std::string> out;
  for (const Service& each : services) out.push_back(each.name);
  return out;
}

TEST_CASE("port ranges: a table of a server stands for a service for each port") {
  const document found = usable(server_with(
      "type = \"udp\"\nbind_addr = [\"0.0.0.0:8000-8010\", \"[::1]:8000-8010\"]\n"
      "max_connections_per_address = 3\nudp = {idle_timeout = 7}\nallow = \"10.0.0.0/8\""));
  const auto& services = found.settings.server->services;
  REQUIRE(services.size() == 11);
  for (std::size_t i = 0; i < services.size(); ++i) {
    const auto port = static_cast<std::uint16_t>(8000 + i);
    const server_service& each = services[i];
    CHECK(each.name == "game:" + std::to_string(port));
    CHECK(each.bind_addr == address_list(std::vector<address>{{"0.0.0.0", port}, {"::1", port}}));
    CHECK(each.kind == service_kind::udp);
    CHECK(each.token.view() == "a secret of mine");
    CHECK(each.max_connections_per_address == 3);
    CHECK(each.udp.idle_timeout == seconds(7));
    CHECK(each.access.allow.size() == 1);
  }
  const source& where = found.where;
  REQUIRE(where.find("server.services.\"game:8007\""));
  CHECK(*where.find("server.services.\"game:8007\"") == *where.find("server.services.game"));
  CHECK(where.key_in_file("server.services.\"game:8007\"") == "server.services.game");
  CHECK(where.key_in_file("server.services.web") == "server.services.web");
  CHECK(where.find("server.services.\"game:8011\"") == nullptr);
}

TEST_CASE("port ranges: a client has the ports of the server, or names them") {
  const document same = usable(client_with("local_addr = \"127.0.0.1:8000-8002\""));
  CHECK(names_of(same.settings.client->services) ==
        std::vector<std::string>{"game:8000", "game:8001", "game:8002"});
  CHECK(same.settings.client->services[2].local_addr == address{"127.0.0.1", 8002});
  const document other =
      usable(client_with("local_addr = \"127.0.0.1:9000-9002\"\nserver_ports = \"8000-8002\""));
  CHECK(names_of(other.settings.client->services) == names_of(same.settings.client->services));
  CHECK(other.settings.client->services[2].local_addr == address{"127.0.0.1", 9002});
}

TEST_CASE("port ranges: services stay in the order of their names, and one port is a range") {
  const document found = usable(server_head +
                                "services.game.bind_addr = \"0.0.0.0:999-1000\"\n"
                                "services.game-x.bind_addr = \"0.0.0.0:1\"\n"
                                "services.game0.bind_addr = \"0.0.0.0:2-2\"\n");
  CHECK(names_of(found.settings.server->services) ==
        std::vector<std::string>{"game-x", "game0:2", "game:1000", "game:999"});
}

TEST_CASE("port ranges: paths of Unix-domain sockets have none") {
  const document found = usable(server_with("bind_addr = \"unix:/run/game:8000-8010\""));
  REQUIRE(found.settings.server->services.size() == 1);
  CHECK(found.settings.server->services[0].bind_addr[0].host == "unix:/run/game:8000-8010");
  const document path =
      usable(server_with("type = \"socket_stream\"\nbind_addr = \"/run/game:8000-8010\""));
  CHECK(path.settings.server->services[0].bind_addr[0].host == "unix:/run/game:8000-8010");
  const document local = usable(client_with("local_addr = \"unix:/run/game:8000-8010\""));
  CHECK(local.settings.client->services[0].local_addr.front().host == "unix:/run/game:8000-8010");
}

TEST_CASE("port ranges: each problem has its place") {
  const std::string at_server = "c.toml:5:13: server.services.game.bind_addr: ";
  const std::string at_client = "c.toml:5:14: client.services.game.local_addr: ";
  const std::string at_ports = "c.toml:6:16: client.services.game.server_ports: ";
  const std::string usage =
      "; write it like `bind_addr = \"127.0.0.1:8000-8010\"`, an IPv6 address in brackets";
  struct row {
    std::string text;
    std::string line;
  };
  const row rows[] = {
      {server_with("bind_addr = \"0.0.0.0:8010-8000\""),
       at_server + "the first port 8010 is above the last one, 8000; write the lower port first"},
      {server_with("bind_addr = \"0.0.0.0:0-10\""),
       at_server + "the port 0 cannot be in a range; use ports from 1 to 65535"},
      {server_with("bind_addr = \"0.0.0.0:8000-9000\""),
       at_server + "a range has at most 1000 ports; make it shorter, or divide it among several "
                   "services"},
      {server_with("bind_addr = \"0.0.0.0:65530-65540\""),
       at_server + "the port 65540 is above 65535; use ports from 1 to 65535"},
      {server_with("bind_addr = \"0.0.0.0:8000-8010, 127.0.0.1:8000-8010\""),
       at_server + "several addresses in one text; write a list like `bind_addr = "
                   "[\"a:8000-8010\", \"b:8000-8010\"]`"},
      {server_with("bind_addr = \"a b:8000-8010\""),
       at_server + "not an address of the form host:first-last" + usage},
      {server_with("bind_addr = [\"0.0.0.0:8000-8010\", \"[::]:8000\"]"),
       at_server +
           "some addresses of the list have a range of ports, and some have not; give all of them "
           "the same range"},
      {server_with("bind_addr = [\"0.0.0.0:8000-8010\", \"[::]:8000-8011\"]"),
       at_server +
           "the addresses of the list have different ports, 8000-8010 and 8000-8011; give all of "
           "them the same range"},
      {server_with("bind_addr = [\"0.0.0.0:8000-8010\", \"127.0.0.1:8000-8010\"]"),
       at_server +
           "the same address and port 8000 as server.services.game.bind_addr; use another port"},
      {client_with("local_addr = [\"127.0.0.1:8000-8010\", \"127.0.0.2:8000\"]"),
       at_client +
           "some addresses of the list have a range of ports, and some have not; give all of them "
           "the same range"},
      {client_with("local_addr = \"127.0.0.1:8000\"\nserver_ports = \"8000-8000\""),
       at_ports + "`local_addr` has no range of ports; remove it, or write `local_addr` like "
                  "`127.0.0.1:9000-9010`"},
      {client_with("local_addr = \"127.0.0.1:8000-8010\"\nserver_ports = \"8000\""),
       at_ports +
           "a range of ports is written FIRST-LAST; write it like `server_ports = \"8000-8010\"`"},
      {client_with("local_addr = \"127.0.0.1:8000-8010\"\nserver_ports = \"1-65536\""),
       at_ports + "the port 65536 is above 65535; use ports from 1 to 65535"},
      {client_with("local_addr = \"h:1-2\"\nserver_ports = [\"8000\", \"8001\"]"),
       at_ports + "invalid type: array, expected a string; write it like `server_ports = "
                  "\"8000-8010\"`"},
      {client_with("local_addr = \"127.0.0.1:9000-9010\"\nserver_ports = \"8000-8009\""),
       at_ports +
           "the number of ports is 10 (8000-8009), and that of `local_addr` is 11 (9000-9010); "
           "give both the same number of ports"},
      {"[server]\nbind_addr = \"0.0.0.0:2333-2334\"\nservices = {}\n",
       "c.toml:2:13: server.bind_addr: only addresses of services have a range of ports; name one "
       "port"},
      {"[client]\nremote_addr = \"h:2333-2334\"\nservices = {}\n",
       "c.toml:2:15: client.remote_addr: only addresses of services have a range of ports; name "
       "one port"},
  };
  for (const row& each : rows) CHECK(only_line(each.text) == each.line);
}

TEST_CASE("port ranges: a conflict with another listener names both, and the first port") {
  const std::string range = "bind_addr = \"127.0.0.1:8000-8010\"";
  CHECK(only_line(server_with(range) + "[server.services.web]\nbind_addr = \"0.0.0.0:8005\"\n") ==
        "c.toml:7:13: server.services.web.bind_addr: the same address and port 8005 as "
        "server.services.game.bind_addr in c.toml:5:13; use another port");
  CHECK(only_line(server_with(range) +
                  "[server.services.web]\nbind_addr = \"0.0.0.0:8005-8100\"\n") ==
        "c.toml:7:13: server.services.web.bind_addr: the same address and port 8005 as "
        "server.services.game.bind_addr in c.toml:5:13; use another port");
  CHECK(only_line(server_with("bind_addr = \"127.0.0.1:2330-2340\"")) ==
        "c.toml:5:13: server.services.game.bind_addr: the same address and port 2333 as "
        "server.bind_addr in c.toml:2:13; use another port");
  // UDP and TCP, and different hosts, never conflict.
  usable(server_with(range) +
         "[server.services.web]\ntype = \"udp\"\nbind_addr = \"0.0.0.0:8000-8010\"\n"
         "[server.services.x]\nbind_addr = \"127.0.0.2:8000-8010\"\n");
}

TEST_CASE("port ranges: the name of another service is a problem that names both places") {
  const std::string line = only_line(server_with("bind_addr = \"127.0.0.1:8000-8010\"") +
                                     "[server.services.\"game:8003\"]\nbind_addr = \"h:1\"\n");
  CHECK(line ==
        "c.toml:5:13: server.services.game.bind_addr: one of its services has the name of "
        "server.services.\"game:8003\" in c.toml:6:1; give one of them another name");
  const auto lines =
      lines_of(client_with("local_addr = \"h:9000-9010\"\nserver_ports = \"8000-8010\"") +
               "[client.services.\"game:8000\"]\nlocal_addr = \"h:1-2\"\n");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].starts_with("c.toml:5:14: client.services.game.local_addr: one of its services "));
  // A name that only looks like one is none.
  usable(server_with("bind_addr = \"127.0.0.1:8000-8010\"") +
         "[server.services.\"game:8011\"]\nbind_addr = \"h:1\"\n");
}

TEST_CASE("port ranges: all ranges of one side have a bounded number of ports") {
  std::string text = client_head;
  for (int i = 0; i < 10; ++i) {
    text += "[client.services.s" + std::to_string(i) + "]\nlocal_addr = \"h:1-1000\"\n";
  }
  CHECK(usable(text).settings.client->services.size() == limits::ranged_ports);
  CHECK(only_line(text + "[client.services.t]\nlocal_addr = \"h:1-1\"\n") ==
        "c.toml:25:14: client.services.t.local_addr: the ranges of all services have more than "
        "10000 ports together; make them shorter");
}

TEST_CASE("port ranges: a change by one port touches that port only") {
  const auto services = [](const std::string& range) {
    return usable(server_with("bind_addr = \"0.0.0.0:" + range + "\"")).settings.server->services;
  };
  const auto before = services("8000-8010");
  CHECK(diff(before, services("8000-8011")) == service_changes{.added = {"game:8011"}});
  CHECK(diff(before, services("8001-8010")) == service_changes{.removed = {"game:8000"}});
  const auto locals = [](const std::string& keys) {
    return usable(client_with(keys)).settings.client->services;
  };
  CHECK(diff(locals("local_addr = \"h:8000-8001\""),
             locals("local_addr = \"h:9000-9001\"\nserver_ports = \"8000-8001\"")) ==
        service_changes{.changed = {"game:8000", "game:8001"}});
  // A service of its own instead of that of a range is no change.
  const auto alone = usable(server_with("bind_addr = \"0.0.0.0:8000-8009\"") +
                            "[server.services.\"game:8010\"]\nbind_addr = \"0.0.0.0:8010\"\n");
  CHECK(diff(before, alone.settings.server->services).empty());
}

TEST_CASE("port ranges: a range that leads back to one of the server is warned of once") {
  const std::string line =
      only_line(server_with("bind_addr = \"0.0.0.0:8000-8010\"") +
                "[client]\nremote_addr = \"127.0.0.1:2333\"\ndefault_token = \"a secret of mine\"\n"
                "[client.services.x]\nlocal_addr = \"127.0.0.1:8005-8020\"\n");
  CHECK(line ==
        "c.toml:10:14: warning: client.services.\"x:8005\".local_addr: this is "
        "`server.services.\"game:8005\".bind_addr`: each visitor would cause another one; name "
        "the address of the local service itself");
}

TEST_CASE("port ranges: problems found later have the place of the table, also in other files") {
  const test::temp_dir folder;
  const std::string main =
      folder.write("main.toml", "include = \"more.toml\"\n" + server_head + "[server.services]\n");
  const std::string more =
      folder.write("more.toml", "[server.services.game]\nbind_addr = \"0.0.0.0:8000-8010\"\n");
  const auto found = load_document(main);
  REQUIRE(found);
  CHECK(found->settings.server->services.size() == 11);
  const problem later =
      found->where.locate({.key = "server.services.\"game:8003\".bind_addr", .what = "later"});
  CHECK(to_string(later) == more + ":2:13: server.services.\"game:8003\".bind_addr: later");
  const problem of_token =
      found->where.locate({.key = "server.services.\"game:8003\".token", .what = "later"});
  CHECK(to_string(of_token) == more + ":1:1: server.services.\"game:8003\".token: later");
  folder.write("more.toml", "[server.services.game]\nbind_addr = \"0.0.0.0:8010-8000\"\n");
  const auto refused = load_document(main);
  REQUIRE_FALSE(refused);
  CHECK(to_string(refused.error()[0]).starts_with(more + ":2:13: "));
}

}  // namespace
}  // namespace rathole::config
