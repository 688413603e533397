#include <rathole/admin/access.hpp>
#include <rathole/admin/message.hpp>
#include <rathole/config/admin.hpp>
#include <rathole/core/secret.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace rathole::admin {
namespace {

using fields = std::vector<http::field>;

request with(fields all, int minor = 1) {
  request out;
  out.head.fields = std::move(all);
  out.minor = minor;
  return out;
}

config::admin_options options(std::string token = "", std::string metrics = "",
                              std::string bind = "127.0.0.1:9090") {
  config::admin_options out;
  out.bind_addr = std::move(bind);
  out.token = secret(std::move(token));
  out.metrics_token = secret(std::move(metrics));
  return out;
}

TEST_CASE("access: the token of a request says what it may do") {
  struct example {
    config::admin_options of;
    fields given;
    std::optional<permission> permitted;
  };
  const auto bearer = [](const std::string& token) {
    return fields{{"Authorization", "Bearer " + token}};
  };
  const example examples[] = {
      {options(), {}, permission::all},
      {options(), bearer("anything"), permission::all},
      {options("secret"), {}, std::nullopt},
      {options("secret"), bearer("secret"), permission::all},
      {options("secret"), {{"authorization", "bearer  secret "}}, permission::all},
      {options("secret"), bearer("secret2"), std::nullopt},
      {options("secret"), bearer("secre"), std::nullopt},
      {options("secret"), bearer(""), std::nullopt},
      {options("secret"), {{"Authorization", "Basic secret"}}, std::nullopt},
      {options("secret"), {{"Authorization", "secret"}}, std::nullopt},
      {options("secret"),
       {{"Authorization", "Bearer secret"}, {"Authorization", "Bearer secret"}},
       std::nullopt},
      {options("secret", "read"), bearer("read"), permission::metrics},
      {options("secret", "read"), bearer("secret"), permission::all},
      {options("secret", "read"), {}, std::nullopt},
      {options("", "read"), {}, permission::all},
  };
  for (const auto& [of, given, permitted] : examples) {
    CAPTURE(given.size());
    CHECK(access(of).permitted(with(given)) == permitted);
  }
  CHECK(access(options()).metrics_are_public());
  CHECK_FALSE(access(options("", "read")).metrics_are_public());
  CHECK_FALSE(access(options("secret")).metrics_are_public());
}

TEST_CASE("access: only names of the API are served, so that no name of another site leads here") {
  config::admin_options of = options("", "", "tunnel.example:9090");
  of.hosts = {"admin.example.com"};
  const access rules(of);
  for (const char* own : {"127.0.0.1:9090", "127.0.0.1", "[::1]:9090", "[2001:db8::1]", "localhost",
                          "LocalHost:80", "tunnel.example:9090", "Admin.Example.com"}) {
    CAPTURE(own);
    CHECK(rules.is_addressed(with({{"Host", own}})));
  }
  for (const char* other : {"evil.example", "evil.example:9090", "", "127.0.0.1.evil.example",
                            "localhost.evil.example", "[::1", "admin.example.com.evil"}) {
    CAPTURE(other);
    CHECK_FALSE(rules.is_addressed(with({{"Host", other}})));
  }
  CHECK_FALSE(rules.is_addressed(with({})));
  CHECK(rules.is_addressed(with({}, 0)));
  CHECK_FALSE(rules.is_addressed(with({{"Host", "localhost"}, {"Host", "localhost"}})));
}

TEST_CASE("access: a page of another site cannot send requests") {
  const access rules(options());
  const auto from = [](const char* origin, const char* host = "localhost:9090") {
    return with({{"Origin", origin}, {"Host", host}});
  };
  CHECK(rules.is_own_origin(with({{"Host", "localhost:9090"}})));
  CHECK(rules.is_own_origin(from("http://localhost:9090")));
  CHECK(rules.is_own_origin(from("https://LOCALHOST:9090")));
  CHECK_FALSE(rules.is_own_origin(from("http://localhost:8080")));
  CHECK_FALSE(rules.is_own_origin(from("http://evil.example")));
  CHECK_FALSE(rules.is_own_origin(from("null")));
  CHECK_FALSE(rules.is_own_origin(with({{"Origin", "http://localhost:9090"}})));

  CHECK_FALSE(rules.is_intended(with({})));
  CHECK(rules.is_intended(with({{"X-Rathole-Request", "1"}})));
  CHECK(access(options("secret")).is_intended(with({})));
}

}  // namespace
}  // namespace rathole::admin
