#include "../support/environment.hpp"

#include <rathole/app/start_report.hpp>

#include <doctest/doctest.h>

#if RATHOLE_WITH_TLS
#include <rathole/tls/botan/version.hpp>
#endif

#include <optional>
#include <string>
#include <vector>

namespace rathole::app {
namespace {

using test::variable;
using lines = std::vector<std::string>;

config::server_service service(const char* name, config::service_kind kind) {
  config::server_service made;
  made.name = name;
  made.kind = kind;
  return made;
}

TEST_CASE("start report: TCP services over TCP cause no warning") {
  config::server block;
  block.services = {service("a", config::service_kind::tcp)};
  start_report report;
  prepare_transport(block, "f.toml", report);
  CHECK(report.errors().empty());
  CHECK(report.limitations.empty());
  start_report without_services;
  prepare_transport(config::server(), "f.toml", without_services);
  CHECK(without_services.errors().empty());
  CHECK(without_services.limitations.empty());
}

TEST_CASE("start report: a setting that keeps a transport from starting is an error") {
  struct example {
    void (*change)(config::client&);
    const char* line;
  };
  const example examples[] = {
      {[](config::client& block) {
         block.transport.kind = config::transport_kind::noise;
         block.transport.noise.emplace();
       },
       "f.toml: client.transport.noise: the pattern needs `remote_public_key`, the public key of "
       "the server"},
      {[](config::client& block) {
         block.transport.kind = config::transport_kind::noise;
         block.transport.noise.emplace().pattern = "Noise_NK_448_ChaChaPoly_BLAKE2s";
       },
       "f.toml: client.transport.noise: 448 is not supported: use 25519"},
      {[](config::client& block) {
         block.transport.kind = config::transport_kind::websocket;
         block.transport.websocket.emplace().path = "tunnel";
       },
       "f.toml: client.transport.websocket: the path must begin with '/'"},
      {[](config::client& block) {
         auto& proxy = block.transport.tcp.proxy.emplace();
         proxy.host = "p";
         proxy.credentials.emplace().username = std::string(256, 'x');
       },
       "f.toml: client.transport.tcp.proxy: user name and password for a SOCKS5 proxy are at most "
       "255 bytes each"},
  };
  for (const example& each : examples) {
    CAPTURE(each.line);
    config::client block;
    each.change(block);
    start_report report;
    CHECK_FALSE(prepare_transport(block, "f.toml", report));
    CHECK(report.problems == lines{each.line});
    CHECK(report.missing.empty());
    CHECK_FALSE(report.errors().empty());
  }
}

TEST_CASE("start report: an unreadable file is an error") {
  config::client block;
  block.transport.kind = config::transport_kind::tls;
  block.transport.tls.emplace().trusted_root = "/nowhere/roots.pem";
  start_report report;
  prepare_transport(block, "f.toml", report);
  REQUIRE(report.problems.size() == 1);
  CHECK(report.problems.front().starts_with(
      "f.toml: client.transport.tls: `trusted_root` is \"/nowhere/roots.pem\": "));
  CHECK_FALSE(report.errors().empty());
}

#if RATHOLE_WITH_TLS
TEST_CASE("start report: missing optional parts of a transport are warnings") {
  config::client block;
  block.transport.kind = config::transport_kind::tls;
  block.transport.tls.emplace();
  const auto limitations = [&block] {
    start_report report;
    CHECK(prepare_transport(block, "f.toml", report));
    CHECK(report.errors().empty());
    return report.limitations;
  };
  const variable no_file("SSL_CERT_FILE", std::nullopt);
  const variable no_folders("SSL_CERT_DIR", std::nullopt);
  CHECK(limitations().size() == (transport::built_in::openssl || tls::botan_half_closes ? 0 : 1));
  block.transport.tls->engine = config::tls_engine::botan;
  if (!tls::botan_half_closes) {
    const auto warnings = limitations();
    REQUIRE(warnings.size() == 1);
    CHECK(warnings.front().starts_with(
        "TLS is spoken by Botan 2, which cannot end one direction of a connection alone: when a "
        "service has ended its sending, the visitor learns of it only after it has sent nothing "
        "for "
        "50 ms (`half_close_timeout`), and what it sends later is lost; use `engine = \"auto\"`"));
  }
  block.transport.tls->engine = config::tls_engine::automatic;
  const std::size_t before = limitations().size();
  {
    const variable file("SSL_CERT_FILE", "/nowhere.pem");
    REQUIRE(limitations().size() == before + 1);
    CHECK(
        limitations().back() ==
        "`SSL_CERT_FILE` is \"/nowhere.pem\": the file cannot be read: No such file or directory; "
        "it is left out");
  }
  block.transport.kind = config::transport_kind::tcp;
  CHECK(limitations().empty());
}
#endif

TEST_CASE("start report: a server ignores a proxy") {
  config::server block;
  block.transport.tcp.proxy.emplace();
  start_report report;
  CHECK(prepare_transport(block, "f.toml", report));
  CHECK(report.errors().empty());
}

TEST_CASE("start report: problems have the position of their key, or of the enclosing table") {
  config::source from("f.toml");
  from.note("server.transport", {.line = 4});
  from.note("server.transport.websocket", {.line = 6});
  config::server block;
  block.transport.kind = config::transport_kind::websocket;
  start_report lacking;
  prepare_transport(block, from, lacking);
  REQUIRE(lacking.problems.size() == 1);
  CHECK(lacking.problems.front().starts_with("f.toml:4:1: server.transport: Missing"));
  block.transport.websocket.emplace().path = "tunnel";
  start_report wrong;
  prepare_transport(block, from, wrong);
  REQUIRE(wrong.problems.size() == 1);
  CHECK(wrong.problems.front().starts_with("f.toml:6:1: server.transport.websocket: the path"));
}

TEST_CASE("start report: a missing table of the selected transport is an error") {
  config::server block;
  block.transport.kind = config::transport_kind::websocket;
  start_report report;
  prepare_transport(block, "f.toml", report);
  CHECK(report.problems == lines{"f.toml: server.transport: Missing websocket config; add "
                                 "`[server.transport.websocket]`"});
  CHECK_FALSE(report.errors().empty());
}

}  // namespace
}  // namespace rathole::app
