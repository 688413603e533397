// Services of a range of ports in the admin API: the table can be changed, not a single port.

#include "api_fixture.hpp"

#include <rathole/admin/service_table.hpp>

#include <doctest/doctest.h>

#include <string>

namespace rathole::admin {
namespace {

const std::string services = "/api/v1/services/";

TEST_CASE("port ranges: the table of a range is added, changed and removed") {
  api_fixture f;
  const response added = f.ask("PUT", services + "game", R"({"bind_addr":"0.0.0.0:8100-8102"})");
  CHECK(added.status == 201);
  CHECK(json::parse(added.body) ==
        json::parse(R"({"name":"game","services":["game:8100","game:8101","game:8102"],)"
                    R"("file":")" +
                    f.path("services.d/game.toml") +
                    R"(","editable":true,"settings":{"bind_addr":"0.0.0.0:8100-8102"}})"));
  CHECK(f.text("services.d/game.toml") ==
        "[server.services.game]\nbind_addr = \"0.0.0.0:8100-8102\"\n");
  CHECK(f.ask_json("GET", services + "game") == json::parse(added.body));
  CHECK(
      f.ask_json("PATCH", services + "game", R"({"bind_addr":"0.0.0.0:8101-8103"})")["services"] ==
      json::parse(R"(["game:8101","game:8102","game:8103"])"));
  // From a range to one port, and back.
  CHECK(f.ask_json("PATCH", services + "game", R"({"bind_addr":"0.0.0.0:8101"})")["name"] ==
        "game");
  CHECK(f.ask("GET", services + "game:8101").status == 404);
  CHECK(f.ask("PATCH", services + "game", R"({"bind_addr":"0.0.0.0:8101-8101"})").status == 200);
  CHECK(f.ask("GET", services + "game:8101").status == 200);
  CHECK(f.ask("DELETE", services + "game").status == 204);
  CHECK(f.ask("GET", services + "game").status == 404);
  CHECK(f.ask("GET", services + "game:8101").status == 404);
}

TEST_CASE(
    "port ranges: a single port is shown, and its change is refused with the name of the table") {
  api_fixture f;
  f.ask("PUT", services + "game", R"({"bind_addr":"0.0.0.0:8100-8102"})");
  const std::string before = f.text("services.d/game.toml");
  for (const std::string name : {"game:8101", "game%3A8101"}) {
    const json row = f.ask_json("GET", services + name);
    CHECK(row["name"] == "game:8101");
    CHECK(row["range"] == "game");
    CHECK(row["editable"] == false);
    CHECK(row["settings"]["bind_addr"] == "0.0.0.0:8100-8102");
    const std::string body = R"({"bind_addr":"0.0.0.0:9000"})";
    for (const char* const method : {"PUT", "PATCH", "DELETE"}) {
      const json refused =
          f.ask_json(method, services + name, *method == 'D' ? std::string() : body);
      CHECK(refused["status"] == 409);
      CHECK(refused["detail"] ==
            "The service is one port of the range in [server.services.game]. Change the service "
            "game instead.");
    }
  }
  CHECK(f.text("services.d/game.toml") == before);
  CHECK_FALSE(f.has_file("services.d/game%3A8101.toml"));
  // The name of a service of its own that a range would take.
  CHECK(f.ask("PUT", services + "other:1", R"({"bind_addr":"0.0.0.0:9001"})").status == 201);
  const json taken = f.ask_json("PUT", services + "other", R"({"bind_addr":"0.0.0.0:1-2"})");
  CHECK(taken["status"] == 422);
  CHECK(taken["problems"][0]["key"] == "server.services.other.bind_addr");
  CHECK_FALSE(f.has_file("services.d/other.toml"));
}

TEST_CASE("port ranges: a range of the main file cannot be changed") {
  api_fixture f;
  f.folder.write("server.toml", std::string(api_fixture::main_text) +
                                    "[server.services.game]\nbind_addr = \"[::]:8100-8102\"\n");
  REQUIRE(f.ask("POST", "/api/v1/reload").status == 200);
  CHECK(f.ask_json("GET", services + "game")["editable"] == false);
  CHECK(f.ask("DELETE", services + "game").status == 409);
  CHECK(f.ask("DELETE", services + "game:8100").status == 409);
}

TEST_CASE("port ranges: connections are listed for one port, and for the range") {
  event_log events;
  service_table table(events);
  table.set_services({{.name = "game:1", .range = "game"}, {.name = "web"}});
  CHECK(table.services().front().range == "game");
  CHECK(table.connections("game", 10).total == 0);
}

}  // namespace
}  // namespace rathole::admin
