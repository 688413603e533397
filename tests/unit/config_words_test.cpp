#include <rathole/config/key.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/validate.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

namespace rathole::config {
namespace {

TEST_CASE("a problem prints only the parts that it has") {
  CHECK(to_string(problem{"a.toml", 3, 7, "server.x", "wrong", "mend it"}) ==
        "a.toml:3:7: server.x: wrong; mend it");
  CHECK(to_string(problem{"a.toml", 1, 1, "", "wrong", "mend it"}) == "a.toml:1:1: wrong; mend it");
  CHECK(to_string(problem{"a.toml", 1, 1, "k", "wrong", ""}) == "a.toml:1:1: k: wrong");
  CHECK(to_string(problem{"", 1, 1, "k", "wrong", "mend it"}) == "k: wrong; mend it");
}

TEST_CASE("keys are quoted as TOML requires, and control characters are escaped") {
  CHECK(key_path("", "server") == "server");
  CHECK(key_path("server.services", "web-1_A") == "server.services.web-1_A");
  CHECK(key_path("a", "") == "a.\"\"");
  CHECK(key_path("a", "b c.d") == "a.\"b c.d\"");
  CHECK(key_path("a", "\"\\") == "a.\"\\\"\\\\\"");
  CHECK(key_path("a", "\x1b[31m\n\x7f") == "a.\"\\u001B[31m\\u000A\\u007F\"");
}

TEST_CASE("a misspelt word is matched to the one that was meant") {
  const std::vector<std::string_view> words = {"bind_addr", "token", "type", "tcp", "transport"};
  CHECK(closest("bind_adr", words) == "bind_addr");
  CHECK(closest("tokn", words) == "token");
  CHECK(closest("Type", words) == "type");
  CHECK(closest("trasnport", words) == "transport");
  CHECK(closest("tls", words).empty());
  CHECK(closest("", words).empty());
  CHECK(closest(std::string(1000, 't'), words).empty());
  CHECK(closest("token", {}).empty());
}

TEST_CASE("the tables that a transport requires") {
  struct row {
    transport value;
    side where;
    std::string_view line;
  };
  const tls_options identity{.pkcs12 = "id.pfx", .pkcs12_password = secret("")};
  const row rows[] = {
      {{}, side::server, ""},
      {{.kind = transport_kind::noise},
       side::client,
       "client.transport: Missing noise config; add `[client.transport.noise]`"},
      {{.kind = transport_kind::noise, .noise = noise_options{}}, side::client, ""},
      {{.kind = transport_kind::websocket},
       side::server,
       "server.transport: Missing websocket config; add `[server.transport.websocket]`"},
      {{.kind = transport_kind::websocket, .websocket = websocket_options{}}, side::server, ""},
      {{.kind = transport_kind::websocket, .websocket = websocket_options{.tls = true}},
       side::client,
       "client.transport: Missing tls config; add `[client.transport.tls]`"},
      {{.kind = transport_kind::websocket,
        .tls = tls_options{},
        .websocket = websocket_options{.tls = true}},
       side::client,
       ""},
      {{.kind = transport_kind::websocket,
        .tls = tls_options{},
        .websocket = websocket_options{.tls = true}},
       side::server,
       "server.transport.tls: Missing `pkcs12` or `pkcs12_password`; name the identity file and "
       "its password, or `cert` and `key`"},
      {{.kind = transport_kind::websocket,
        .tls = identity,
        .websocket = websocket_options{.tls = true}},
       side::server,
       ""},
  };
  for (const row& each : rows) {
    CAPTURE(each.line);
    const auto problems = start_problems(each.value, each.where);
    REQUIRE(problems.size() == (each.line.empty() ? 0 : 1));
    if (!problems.empty()) CHECK(to_string(problems.front()) == each.line);
  }
}

}  // namespace
}  // namespace rathole::config
