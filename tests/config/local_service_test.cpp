// The local addresses of a client's services, and their health checks, in the configuration file.

#include "../support/config_problems.hpp"

#include <rathole/config/parse.hpp>
#include <rathole/config/validate.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

namespace rathole::config {
namespace {

const std::string head =
    "[client]\ndefault_token = \"a secret of mine\"\nremote_addr = \"h:1\"\n"
    "[client.services.web]\n";

client_service usable(const std::string& keys) {
  auto found = read(head + keys, "c.toml");
  CAPTURE(keys);
  if (!found) FAIL(to_string(found.error().front()));
  CHECK(found->warnings.empty());
  return found->settings.client->services.front();
}

/// Returns the only problem or warning of a service with these lines.
std::string only_line_of(const std::string& keys) { return only_line(head + keys); }

TEST_CASE("local service: several addresses, and how one is chosen") {
  const client_service one = usable("local_addr = \"a:1\"\n");
  CHECK(one.local_addr == address_list("a", 1));
  CHECK_FALSE(one.check);
  const client_service two = usable("local_addr = [\"a:1\", \"unix:/run/b.sock\"]\n");
  CHECK(two.local_addr.size() == 2);
  CHECK(two.strategy == local_strategy::round_robin);
  CHECK(usable("local_addr = [\"a:1\", \"b:1\"]\nstrategy = \"failover\"\n").strategy ==
        local_strategy::failover);
}

TEST_CASE("local service: health checks") {
  const std::string web = "local_addr = [\"a:1\", \"b:1\"]\n";
  CHECK(usable(web + "health_check = \"tcp\"\n").check == health_check{});
  CHECK(usable(web + "health_check = \"http\"\n").check ==
        health_check{.kind = health_check_kind::http});
  const auto all =
      usable(web +
             "health_check = { type = \"http\", path = \"/health?full\", interval = 5, "
             "timeout = 2, fall = 1, rise = 4 }\n");
  CHECK(all.check == health_check{.kind = health_check_kind::http,
                                  .path = "/health?full",
                                  .interval = std::chrono::seconds(5),
                                  .timeout = std::chrono::seconds(2),
                                  .fall = 1,
                                  .rise = 4});
}

TEST_CASE("local service: each problem has its place and a remedy") {
  const std::string web = "local_addr = [\"a:1\", \"b:1\"]\n";
  const std::string key = "c.toml:5:14: client.services.web.";
  CHECK(only_line_of("local_addr = [\"a:1\", \"b:1\", \"a:1\"]\n") ==
        key + "local_addr: entry 3 is the same address as entry 1; remove one");
  CHECK(only_line_of("local_addr = []\n").contains("client.services.web.local_addr: "));
  CHECK(only_line_of("local_addr = \"a:1\"\nstrategy = \"failover\"\n") ==
        "c.toml:6:12: warning: client.services.web.strategy: there is only one local address to "
        "choose; name more addresses in `local_addr`, or remove it");
  CHECK(only_line_of(web + "strategy = \"random\"\n").contains("`round_robin`, `failover`"));
  CHECK(only_line_of(web + "health_check = \"ping\"\n").contains("expected one of `tcp`, `http`"));
  CHECK(only_line_of(web + "health_check = { path = \"/\" }\n").contains("type"));
  CHECK(only_line_of(web + "health_check = { type = \"tcp\", path = \"/\" }\n")
            .contains("only a check of the type `http` has a path; remove it"));
  for (const char* const path : {"", "health", "/a b", "/\\u00e4", "/a\\nb"}) {
    CHECK(only_line_of(web + "health_check = { type = \"http\", path = \"" + path + "\" }\n")
              .contains("not the path of an HTTP request; write it like `/health`"));
  }
  for (const char* const number : {"interval = 0", "timeout = 0", "fall = 0", "rise = 101"}) {
    CAPTURE(number);
    only_line_of(web + "health_check = { type = \"tcp\", " + number + " }\n");
  }
  CHECK(only_line_of("type = \"udp\"\n" + web).contains("a UDP service has one local address"));
  CHECK(only_line_of("type = \"udp\"\nlocal_addr = \"a:1\"\nhealth_check = \"tcp\"\n")
            .contains("for TCP services only; remove it"));
  std::string many;
  for (int i = 1; i <= 17; ++i) many += "\"a:" + std::to_string(i) + "\",";
  CHECK(only_line_of("local_addr = [" + many + "]\n").contains("16"));
  CHECK(
      only_line_of("type = \"udp\"\nlocal_addr = \"a:1\"\nstrategy = \"failover\"\n") ==
      "c.toml:7:12: warning: client.services.web.strategy: only TCP services use this key; remove "
      "it");
}

TEST_CASE("local service: values of a type that no text in quotes can have") {
  const std::string web = "local_addr = \"a:1\"\n";
  for (const std::string value : {"true", "[]", "1"}) {
    CHECK(only_line_of(web + "health_check = " + value + '\n')
              .ends_with("expected a string or a table; write `\"tcp\"`, `\"http\"`, or a table "
                         "like `{ type = \"http\", path = \"/health\" }`"));
  }
  CHECK(only_line_of("local_addr = { a = \"b:1\" }\n")
            .ends_with("invalid type: table, expected a string; write it like `local_addr = "
                       "\"127.0.0.1:80\"`"));
  CHECK(only_line_of("local_addr = \"a:1, b:2\"\n")
            .ends_with("several addresses in one text; write a list like `local_addr = "
                       "[\"a:80\", \"b:80\"]`"));
  CHECK(only_line_of(web + "strategy = [\"failover\"]\n")
            .ends_with("expected a string; write one of `round_robin`, `failover` in quotes"));
  CHECK(
      only_line_of(web + "token = true\n").ends_with("expected a string; write a text in quotes"));
  CHECK(only_line_of(web + "token = {}\n").ends_with("write a text in quotes instead of a table"));
}

TEST_CASE("local service: a wrong value is the only problem, also if others depend on it") {
  const std::string strategy = "strategy = \"failover\"\n";
  std::string many;
  for (int i = 1; i <= 17; ++i) many += "\"a:" + std::to_string(i) + "\",";
  for (const std::string& list :
       {'[' + many + ']', std::string("[]"), std::string("\"a\""), std::string("\"a:8-1\"")}) {
    CHECK(only_line_of("local_addr = " + list + '\n' + strategy).contains("web.local_addr: "));
  }
  CHECK(only_line_of(strategy).contains("missing field `local_addr`"));
  const std::string check = "local_addr = \"a:1\"\nhealth_check = { type = \"HTTP\", path = ";
  CHECK(only_line_of(check + "\"/\" }\n").contains("web.health_check.type: unknown variant"));
  const auto lines = lines_of(head + check + "\"\" }\n");
  REQUIRE(lines.size() == 2);
  CHECK(lines[1].contains("path: not the path of an HTTP request; write it like `/health`"));
}

TEST_CASE("local service: problems of settings that a program fills") {
  client settings;
  settings.remote_addr = {"h", 1};
  settings.services.push_back({.name = "web", .local_addr = {"a", 1}});
  client_service& web = settings.services.front();
  web.check.emplace();
  CHECK(settings_problems(settings).empty());
  const auto only_key = [&settings] {
    const auto found = settings_problems(settings);
    REQUIRE(found.size() == 1);
    return found.front().key;
  };
  web.check = health_check{.fall = 0};
  CHECK(only_key() == "client.services.web.health_check.fall");
  web.check = health_check{.rise = 101};
  CHECK(only_key() == "client.services.web.health_check.rise");
  web.check = health_check{.interval = {}};
  CHECK(only_key() == "client.services.web.health_check.interval");
  web.check = health_check{.timeout = std::chrono::milliseconds(-1)};
  CHECK(only_key() == "client.services.web.health_check.timeout");
  web.check = health_check{.kind = health_check_kind::http, .path = "a b"};
  CHECK(only_key() == "client.services.web.health_check.path");
  web.check = health_check{};
  web.kind = service_kind::udp;
  CHECK(only_key() == "client.services.web.health_check");
  web.check.reset();
  web.local_addr.push_back({"b", 1});
  CHECK(only_key() == "client.services.web.local_addr");
}

}  // namespace
}  // namespace rathole::config
