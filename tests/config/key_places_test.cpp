// Keys that are in the wrong table of the configuration file.

#include "../support/config_problems.hpp"

#include <rathole/config/key_places.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace rathole::config {
namespace {

/// Returns the only problem of a file with both sides, the service `"a.b"` on each, and `key` in `table`.
std::string problem_of(const std::string& key, const std::string& table) {
  std::string text;
  const auto add = [&](const std::string& header, const std::string& lines) {
    text += '[' + header + "]\n" + lines + (header == table ? key + " = 1\n" : std::string());
  };
  if (table.empty()) text = key + " = 1\n";
  add("server", "bind_addr = \"127.0.0.1:1\"\n");
  add("server.udp", "");
  add("server.transport", "type = \"tcp\"\n");
  add("server.services.\"a.b\"", "token = \"mine\"\nbind_addr = \"127.0.0.1:2\"\n");
  add("server.services.\"a.b\".udp", "");
  add("client", "remote_addr = \"127.0.0.1:3\"\n");
  add("client.udp", "");
  add("client.transport", "type = \"tcp\"\n");
  add("client.services.\"a.b\"", "token = \"mine\"\nlocal_addr = \"127.0.0.1:4\"\n");
  add("client.services.\"a.b\".udp", "");
  return only_line(text);
}

std::string with_name(std::string_view table) {
  std::string out(table);
  const auto at = out.find("NAME");
  return at == out.npos ? out : out.replace(at, 4, "\"a.b\"");
}

TEST_CASE("key places: each table has the keys that the reader knows") {
  for (const key_place& each : key_places) {
    CAPTURE(each.table);
    std::string list;
    for (const auto key : each.keys) list += (list.empty() ? "`" : ", `") + std::string(key) + '`';
    const std::string line = problem_of("no_such_key", with_name(each.table));
    CHECK(line.substr(line.find("; ") + 2) == "expected one of " + list);
  }
}

TEST_CASE("key places: a key of another table is named with its place") {
  struct row {
    std::string key;
    std::string table;
    std::string places;
  };
  const std::string of_server = "`[server.services.\"a.b\"]`";
  const std::string of_client = "`[client.services.\"a.b\"]`";
  const row rows[] = {
      {"on_conflict", "client.services.\"a.b\"", of_server},
      {"bind_addr", "client.services.\"a.b\"", of_server},
      {"deny", "client.services.\"a.b\"", of_server},
      {"max_handshakes", "client.services.\"a.b\"", "`[server]`"},
      {"max_retries", "client.services.\"a.b\"", "`[client]`"},
      {"strategy", "server.services.\"a.b\"", of_client},
      {"server_ports", "server.services.\"a.b\"", of_client},
      {"answers_from_any_port", "server.services.\"a.b\".udp", "`[client.services.\"a.b\".udp]`"},
      {"on_conflict", "server", "`[server.services.NAME]`"},
      {"strategy", "server", "`[client]`"},
      {"local_addr", "server", "`[client.services.NAME]`"},
      {"type", "server", "`[server.transport]` or `[server.services.NAME]`"},
      {"bind_addr", "client", "`[server]`"},
      {"health_check", "client", "`[client.services.NAME]`"},
      {"default_token", "", "`[server]` or `[client]`"},
      {"on_conflict", "", "`[server.services.NAME]`"},
  };
  for (const row& each : rows) {
    CAPTURE(each.table);
    const std::string line = problem_of(each.key, each.table);
    CHECK(line.substr(line.find("unknown")) ==
          "unknown field `" + each.key + "`; it belongs to " + each.places);
  }
}

TEST_CASE("key places: other tables name none") {
  CHECK(places_of("on_conflict", "server.admin").empty());
  CHECK(places_of("on_conflict", "server.services").empty());
  CHECK(places_of("nothing", "server").empty());
  CHECK(places_of("allow", "client.services.\"\\\"x\\\\\".udp").contains("server"));
}

}  // namespace
}  // namespace rathole::config
