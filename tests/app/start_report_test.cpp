#include <rathole/app/start_report.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace rathole::app {
namespace {

using lines = std::vector<std::string>;

config::server_service service(const char* name, config::service_kind kind) {
  config::server_service made;
  made.name = name;
  made.kind = kind;
  return made;
}

TEST_CASE("start report: nothing to say about TCP services over TCP") {
  config::server block;
  block.services = {service("a", config::service_kind::tcp)};
  start_report report;
  add_to(report, block, "f.toml");
  CHECK(report.is_empty());
  CHECK(report.can_run());
  start_report without_services;
  add_to(without_services, config::server(), "f.toml");
  CHECK(without_services.can_run());
}

TEST_CASE("start report: transports that are not built in") {
  struct example {
    config::transport_kind kind;
    const char* word;
  };
  for (const auto& [kind, word] : {example{config::transport_kind::tls, "tls"},
                                   {config::transport_kind::noise, "noise"},
                                   {config::transport_kind::websocket, "websocket"}}) {
    CAPTURE(word);
    config::client block;
    block.transport.kind = kind;
    block.transport.tls.emplace();
    block.transport.noise.emplace();
    block.transport.websocket.emplace();
    start_report report;
    add_to(report, block, "f.toml");
    CHECK(report.missing == lines{std::string("f.toml: client.transport.type: ") + word +
                                  " is not built into this program; choose `tcp` at both ends"});
    CHECK(report.problems.empty());
    CHECK_FALSE(report.can_run());
  }
}

TEST_CASE("start report: a proxy matters to a client") {
  config::transport transport;
  transport.tcp.proxy.emplace();
  config::client client_block;
  client_block.transport = transport;
  start_report report;
  add_to(report, client_block, "f.toml");
  CHECK(report.missing ==
        lines{"f.toml: client.transport.tcp.proxy: connecting through a proxy is not built into "
              "this program; remove the key to connect directly"});
  CHECK_FALSE(report.can_run());
  config::server server_block;
  server_block.transport = transport;
  start_report server_report;
  add_to(server_report, server_block, "f.toml");
  CHECK(server_report.is_empty());
}

TEST_CASE("start report: a table that the transport needs is a problem") {
  config::server block;
  block.transport.kind = config::transport_kind::websocket;
  start_report report;
  add_to(report, block, "f.toml");
  CHECK(report.problems == lines{"f.toml: server.transport: Missing websocket config; add "
                                 "`[server.transport.websocket]`"});
  CHECK_FALSE(report.can_run());
}

TEST_CASE("start report: UDP services are left out, and alone are not worth a start") {
  config::server block;
  block.services = {service("a", config::service_kind::tcp),
                    service("b\n", config::service_kind::udp)};
  start_report report;
  add_to(report, block, "f.toml");
  CHECK(report.left_out ==
        lines{"Service b\\n: udp is not built into this program; it is not forwarded"});
  CHECK(report.can_run());
  block.services.erase(block.services.begin());
  start_report only_udp;
  add_to(only_udp, block, "f.toml");
  CHECK(only_udp.nothing_left);
  CHECK_FALSE(only_udp.can_run());
}

}  // namespace
}  // namespace rathole::app
