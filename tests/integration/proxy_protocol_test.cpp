// Real programs at both ends learn the addresses of visitors by the PROXY protocol.

#include "../support/our_program.hpp"
#include "../support/proxy_protocol_scenarios.hpp"
#include "../support/services.hpp"
#include "../support/transport_tables.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>

namespace rathole::test {
namespace {

constexpr const char* behind_proxy =
    "accept_proxy_protocol = true\ntrusted_proxies = [\"127.0.0.0/8\", \"::1\"]\n";

pairing ours(const transport_tables& by = tcp()) {
  return {by.name, our_program(), our_program(), by.server, by.client};
}

TEST_CASE("proxy protocol: nginx learns the visitor's address over each transport") {
  authority issuer;
  const transport_tables over_tls =
      tls("tls", pkcs12_keys(issuer.pack(issuer.issue())), trust_in(issuer));
  for (const transport_tables& by :
       {tcp(), noise("Noise_NK_25519_ChaChaPoly_BLAKE2s"), over_tls, websocket()}) {
    CAPTURE(by.name);
    scenario::nginx_sees_visitors(ours(by));
  }
}

TEST_CASE("proxy protocol: datagrams have headers") { scenario::datagrams_have_headers(ours()); }

TEST_CASE(
    "proxy protocol: HAProxy names the visitors of a service, and nginx behind it learns them") {
  for (const char* version : {"send-proxy", "send-proxy-v2"}) {
    CAPTURE(version);
    const nginx_behind_proxy web;
    tunnel t(ours());
    t.server_service_keys = std::string(behind_proxy) + "proxy_protocol = \"v2\"\n";
    const std::uint16_t entry = t.add("web", web.port());
    std::optional<haproxy> balancer;
    balancer.emplace(haproxy::mode::tcp, entry, identity_files{}, version);
    scenario::nginx_knows_the_visitor(t, entry, balancer->port(),
                                      [&](std::uint16_t) { return balancer->port(); });
  }
}

TEST_CASE("proxy protocol: clients come through HAProxy") {
  authority issuer;
  const transport_tables over_tls =
      tls("tls", pkcs12_keys(issuer.pack(issuer.issue())), trust_in(issuer));
  for (const transport_tables& by : {tcp(), over_tls, websocket()}) {
    CAPTURE(by.name);
    service local(echo);
    tunnel t(ours(by));
    t.server_keys = behind_proxy;
    const std::uint16_t port = t.add("echo", local.port());
    const haproxy balancer(haproxy::mode::tcp, t.port(), {}, "send-proxy-v2");
    t.remote_port = balancer.port();
    t.start_server_first();
    INFO(t.logs());
    CHECK(eventually([&] { return answered(port); }));
    for (int i = 0; i < 20; ++i) CHECK(answered(port));
  }
}

TEST_CASE("proxy protocol: a change of the keys applies to the next visitor, and cuts nobody off") {
  const nginx_behind_proxy web;
  service plain(echo);
  tunnel t(ours());
  const std::uint16_t entry = t.add("web", web.port());
  const std::uint16_t other = t.add("echo", plain.port());
  t.start_server_first();
  INFO(t.logs());
  REQUIRE(eventually([&] { return answered(other); }));
  tcp_socket long_visitor = tcp_socket::connect(other);
  long_visitor.send_all("x");
  REQUIRE(long_visitor.receive(1) == "x");
  std::uint16_t own = 0;
  // nginx refuses connections without a header.
  CHECK(scenario::ask(entry, own).empty());
  t.server_service_keys = "proxy_protocol = \"v1\"\n";
  t.rewrite_server();
  CHECK(eventually([&] {
    const std::string said = scenario::ask(entry, own);
    return said == "127.0.0.1 " + std::to_string(own) + ' ' + std::to_string(entry);
  }));
  long_visitor.send_all("y");
  CHECK(long_visitor.receive(1) == "y");
}

}  // namespace
}  // namespace rathole::test
