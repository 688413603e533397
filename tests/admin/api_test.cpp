#include "api_fixture.hpp"

#include <rathole/admin/config_json.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/ip_network.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::admin {
namespace {

const std::string v1 = "/api/v1/";

std::string field(const response& of, std::string_view name) {
  const auto found = std::ranges::find(of.fields, name, &http::field::name);
  return found == of.fields.end() ? "" : found->value;
}

TEST_CASE("settings: who may come is shown as in a file") {
  config::server of;
  of.bind_addr = address{"0.0.0.0", 2333};
  CHECK_FALSE(config_json(of)["server"].contains("deny"));
  of.access.deny = {parse_ip_network("192.0.2.0/24").value()};
  config::server_service& web = of.services.emplace_back();
  web.name = "web";
  web.access.allow = {parse_ip_network("10.0.0.0/8").value(), parse_ip_network("::1").value()};
  web.max_connections = 100;
  web.max_connections_per_address = 5;
  web.new_connections_per_second = connection_rate{10, 50};
  web.bandwidth = {.in = 1 << 20, .out = 1500};
  web.on_conflict = config::conflict_policy::balance;
  web.max_clients = 3;
  web.affinity = config::client_affinity::source;
  of.services.emplace_back().name = "all";
  const json shown = config_json(of)["server"];
  CHECK(shown["deny"] == json({"192.0.2.0/24"}));
  CHECK_FALSE(shown.contains("allow"));
  const json& service = shown["services"]["web"];
  CHECK(service["allow"] == json({"10.0.0.0/8", "::1/128"}));
  CHECK(service["max_connections"] == 100);
  CHECK(service["max_connections_per_address"] == 5);
  CHECK(service["bandwidth_limit"] == json({{"in", "1 MiB/s"}, {"out", "1500 B/s"}}));
  CHECK(service["on_conflict"] == "balance");
  CHECK(service["max_clients"] == 3);
  CHECK(service["affinity"] == "source");
  CHECK(service["new_connections_per_second"] == json({{"rate", 10}, {"burst", 50}}));
  for (const char* key : {"allow", "deny", "max_connections", "new_connections_per_second",
                          "bandwidth_limit", "on_conflict"}) {
    CHECK_FALSE(shown["services"]["all"].contains(key));
  }
}

TEST_CASE("api: each resource answers, and HEAD like GET") {
  api_fixture f;
  for (const std::string resource : {"status", "services", "services/web", "connections", "traffic",
                                     "config", "events", "log/level", "openapi.json"}) {
    CAPTURE(resource);
    CHECK(f.ask("GET", v1 + resource).status == 200);
    CHECK(f.ask("HEAD", v1 + resource).status == 200);
  }
  for (const std::string page :
       {"/healthz", "/readyz", "/metrics", "/", "/dashboard.css", "/dashboard.js"}) {
    CAPTURE(page);
    CHECK(f.ask("GET", page).status == 200);
    CHECK(f.ask("HEAD", page).status == 200);
    CHECK(f.ask("POST", page).status == 405);
  }
}

TEST_CASE("api: each path has the methods that the description gives it") {
  api_fixture f;
  const json description = json::parse(openapi_text);
  for (const auto& [described_path, operations] : description["paths"].items()) {
    CAPTURE(described_path);
    std::string path = described_path;
    for (const std::string_view parameter : {"{name}", "{id}"}) {
      const auto at = path.find(parameter);
      if (at != std::string::npos) path.replace(at, parameter.size(), "1");
    }
    std::set<std::string> described;
    for (const auto& [method, operation] : operations.items()) {
      if (method == "parameters") continue;
      std::string upper = method;
      std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return std::toupper(c); });
      described.insert(upper);
      if (upper == "GET") described.insert("HEAD");
      // Each answer of a test's request is one that is described.
      const response got = f.ask(upper, path);
      CAPTURE(upper);
      CAPTURE(got.status);
      CHECK(operation["responses"].contains(std::to_string(got.status)));
    }
    const response refused = f.ask("BREW", path);
    CHECK(refused.status == 405);
    std::set<std::string> allowed;
    for (const http::field& each : refused.fields) {
      if (each.name != "Allow") continue;
      std::istringstream list(each.value);
      for (std::string one; list >> one;) allowed.insert(one.substr(0, one.find(',')));
    }
    CHECK(allowed == described);
  }
}

TEST_CASE("api: what does not exist, is malformed or not allowed is an error that says so") {
  api_fixture f;
  struct example {
    std::string method;
    std::string target;
    std::string body;
    int status;
  };
  const example examples[] = {
      {"GET", "/nothing", "", 404},
      {"GET", v1, "", 404},
      {"GET", v1 + "nothing", "", 404},
      {"GET", v1 + "status/more", "", 404},
      {"GET", v1 + "services/", "", 404},
      {"GET", v1 + "services/none", "", 404},
      {"GET", "/%zz", "", 400},
      {"GET", "ftp://localhost/healthz", "", 400},
      {"POST", v1 + "status", "", 405},
      {"TRACE", v1 + "services/web", "", 405},
      {"GET", v1 + "connections?limit=0", "", 400},
      {"GET", v1 + "connections?limit=10001", "", 400},
      {"GET", v1 + "connections?limit=ten", "", 400},
      {"GET", v1 + "connections?service=none", "", 200},
      {"DELETE", v1 + "connections/1", "", 204},
      {"DELETE", v1 + "connections/2", "", 404},
      {"DELETE", v1 + "connections/one", "", 404},
      {"GET", v1 + "events?last_event_id=x", "", 400},
      {"PUT", v1 + "services/a", "[]", 400},
      {"PUT", v1 + "services/a", "{", 400},
      {"PUT", v1 + "services/a", R"({"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}}})", 400},
      {"PUT", v1 + "services/a", "", 415},
      {"PUT", v1 + "log/level", R"({"level":"nonsense"})", 422},
      {"PUT", v1 + "log/level", R"({"level":1})", 422},
      {"PUT", v1 + "log/level", R"({"level":""})", 422},
      {"PUT", v1 + "log/level", R"({})", 422},
      {"PUT", v1 + "log/level", R"({"level":"debug"})", 200},
  };
  for (const auto& [method, target, body, status] : examples) {
    CAPTURE(method);
    CAPTURE(target);
    CAPTURE(body);
    const response got = f.ask(method, target, body);
    CHECK(got.status == status);
    if (status < 400) continue;
    CHECK(got.type == "application/problem+json");
    CHECK(json::parse(got.body)["status"] == status);
  }
  CHECK(field(f.ask("TRACE", v1 + "services/web"), "Allow") == "GET, HEAD, PUT, PATCH, DELETE");
  CHECK(f.program->level == "debug");
}

TEST_CASE("api: nothing is shown or changed without a token, if there is one") {
  config::admin_options options;
  options.token = secret(std::string("secret"));
  options.metrics_token = secret(std::string("read"));
  api_fixture f(options);
  const std::vector<http::field> full{{"Authorization", "Bearer secret"}};
  const std::vector<http::field> metrics{{"Authorization", "Bearer read"}};
  for (const std::string target : {"status", "services", "nothing", "events", "openapi.json"}) {
    CAPTURE(target);
    const response got = f.ask("GET", v1 + target);
    CHECK(got.status == 401);
    CHECK(field(got, "WWW-Authenticate") == "Bearer");
    CHECK(f.ask("GET", v1 + target, "", metrics).status == 401);
    CHECK(f.ask("GET", v1 + target, "", full).status == (target == "nothing" ? 404 : 200));
  }
  CHECK(f.ask("POST", v1 + "drain").status == 401);
  CHECK_FALSE(f.program->is_draining);
  CHECK(f.ask("GET", "/metrics").status == 401);
  CHECK(f.ask("GET", "/metrics", "", metrics).status == 200);
  CHECK(f.ask("GET", "/metrics", "", full).status == 200);
  CHECK(f.ask("GET", "/healthz").status == 200);
  CHECK(f.ask("GET", "/").status == 200);
}

TEST_CASE("api: other sites are kept out") {
  api_fixture f;
  CHECK(f.ask("GET", v1 + "status", "", {{"Host", "evil.example"}}).status == 421);
  CHECK(f.ask("GET", "/", "", {{"Host", "evil.example"}}).status == 421);
  CHECK(f.ask("GET", v1 + "status", "", {{"Origin", "http://evil.example"}}).status == 403);
  request plain{.method = "POST", .target = v1 + "drain"};
  CHECK(f.ask("POST", v1 + "drain", "", {{"Origin", "http://evil.example"}}).status == 403);
  CHECK_FALSE(f.program->is_draining);
  // Probes use addresses and names of their own.
  CHECK(f.ask("GET", "/healthz", "", {{"Host", "10.0.0.7"}}).status == 200);
  CHECK(f.ask("GET", "/readyz", "", {{"Host", "pod.cluster.local"}}).status == 200);
  CHECK(field(f.ask("GET", "/"), "Content-Security-Policy").starts_with("default-src 'none'"));
}

TEST_CASE("api: the dashboard can be left out") {
  config::admin_options options;
  options.dashboard = false;
  api_fixture f(options);
  CHECK(f.ask("GET", "/").status == 404);
  CHECK(f.ask("GET", "/dashboard.js").status == 404);
  CHECK(f.ask("GET", "/healthz").status == 200);
}

TEST_CASE("api: a program that drains is not ready") {
  api_fixture f;
  CHECK(f.ask("GET", "/readyz").body == "ready\n");
  CHECK(f.ask_json("POST", v1 + "drain")["ready"] == false);
  CHECK(f.ask("GET", "/readyz").status == 503);
  CHECK(f.ask("GET", "/readyz").body == "draining\n");
  CHECK(f.ask_json("POST", v1 + "undrain")["ready"] == true);
  CHECK(f.ask("GET", "/readyz").status == 200);
}

TEST_CASE("api: a load balancer can ask whether all services can be reached") {
  api_fixture f;
  CHECK(f.ask("GET", "/readyz?services=all").body == "ready\n");
  f.program->serves_all = false;
  CHECK(f.ask("GET", "/readyz").status == 200);
  CHECK(f.ask("GET", "/readyz?services=all").status == 503);
  CHECK(f.ask("GET", "/readyz?services=all").body == "1 of 2 services can be reached\n");
  CHECK(f.ask("GET", "/readyz?services=web").status == 400);
}

TEST_CASE("api: a reload says what became of the file") {
  api_fixture f;
  CHECK(f.ask_json("POST", v1 + "reload")["result"] == "applied");
  f.program->next_outcome = {.what = reload_outcome::kind::unchanged};
  CHECK(f.ask_json("POST", v1 + "reload")["result"] == "unchanged");
  f.program->next_outcome = {.what = reload_outcome::kind::impossible, .reason = "It stops."};
  CHECK(f.ask("POST", v1 + "reload").status == 409);
  f.program->next_outcome = {.what = reload_outcome::kind::failed, .reason = "No threads."};
  const response failed = f.ask("POST", v1 + "reload");
  CHECK(failed.status == 422);
  CHECK(failed.body.contains("No threads. The old one is in use."));
  f.folder.write("server.toml", "[server]\n");
  const json invalid = f.ask_json("POST", v1 + "reload");
  CHECK(invalid["status"] == 422);
  CHECK(invalid["problems"].size() == 2);
}

TEST_CASE("api: a stream of events begins where the reader wants it") {
  api_fixture f;
  for (int i = 0; i < 3; ++i) f.events.add({.name = "draining"});
  CHECK(f.ask("GET", v1 + "events").events_after == 3);
  CHECK(f.ask("GET", v1 + "events?last_event_id=1").events_after == 1);
  CHECK(f.ask("GET", v1 + "events?last_event_id=1", "", {{"Last-Event-ID", "2"}}).events_after ==
        2);
  // The numbers begin again with the program.
  CHECK(f.ask("GET", v1 + "events?last_event_id=99").events_after == 0);
  CHECK(f.ask("GET", v1 + "events").follows_events);
  CHECK_FALSE(f.ask("GET", v1 + "events?follow=false").follows_events);
}

TEST_CASE("api: a service shows its settings without secrets") {
  api_fixture f;
  f.folder.write("services.d/ssh.toml",
                 "[server.services.ssh]\nbind_addr = [\"0.0.0.0:22\", \"[::]:22\"]\n"
                 "token = \"very secret\"\n\n[server.services.ssh.pool]\nsize = 4\n");
  f.ask("POST", v1 + "reload");
  const response got = f.ask("GET", v1 + "services/ssh");
  CHECK_FALSE(got.body.contains("very secret"));
  const json service = json::parse(got.body);
  CHECK(service["editable"] == true);
  CHECK(service["file"] == f.path("services.d/ssh.toml"));
  CHECK(service["settings"] ==
        json::parse(
            R"({"bind_addr":["0.0.0.0:22","[::]:22"],"pool":{"size":4},"token":"********"})"));
  const json web = f.ask_json("GET", v1 + "services/web");
  CHECK(web["editable"] == false);
  CHECK(web["settings"] == json::parse(R"({"bind_addr":"0.0.0.0:8080"})"));
}

}  // namespace
}  // namespace rathole::admin
