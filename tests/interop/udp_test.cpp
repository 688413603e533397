#include "../support/transport_tables.hpp"
#include "../support/udp_scenarios.hpp"
#include "both_ways.hpp"

#include <doctest/doctest.h>

#include <string>

namespace rathole::test {
namespace {

constexpr const char* nk = "Noise_NK_25519_ChaChaPoly_BLAKE2s";

/// Runs a scenario with upstream at one end and each of our TLS engines at the other.
void over_tls(void (*scenario)(const pairing&), bool over_websocket) {
  authority issuer;
  const std::string server = pkcs12_keys(issuer.pack(issuer.issue()));
  const std::string client = trust_in(issuer);
  for (const std::string& engine : tls_engines())
    for (const side ours : {side::server, side::client}) {
      const std::string of_server = server + (ours == side::server ? engine_key(engine) : "");
      const std::string of_client = client + (ours == side::client ? engine_key(engine) : "");
      one_way(scenario, ours,
              over_websocket
                  ? websocket_over_tls("websocket, tls by " + engine, of_server, of_client)
                  : tls("tls by " + engine, of_server, of_client));
    }
}

TEST_CASE("interop: udp, 500 visitors over tcp, noise and websocket") {
  for (const transport_tables& by : {tcp(), noise(nk), websocket()})
    both_ways(scenario::udp_crowd_of_visitors, by);
}
TEST_CASE("interop: udp, 500 visitors over tls") {
  over_tls(scenario::udp_crowd_of_visitors, false);
}
TEST_CASE("interop: udp, 500 visitors over websocket and tls") {
  over_tls(scenario::udp_crowd_of_visitors, true);
}
TEST_CASE("interop: udp, all sizes that upstream supports over tcp, noise and websocket") {
  for (const transport_tables& by : {tcp(), noise(nk), websocket()})
    both_ways(scenario::udp_sizes_of_upstream, by);
}
TEST_CASE("interop: udp, all sizes that upstream supports over tls") {
  over_tls(scenario::udp_sizes_of_upstream, false);
}
TEST_CASE("interop: udp, large datagrams from our server") {
  for (const transport_tables& by : {tcp(), noise(nk), websocket()})
    one_way(scenario::udp_large_questions, side::server, by);
}
TEST_CASE("interop: udp, large datagrams from our client") {
  for (const transport_tables& by : {tcp(), noise(nk), websocket()})
    one_way(scenario::udp_large_answers, side::client, by);
}
TEST_CASE("interop: udp, dnsmasq and dig over tcp, noise and websocket") {
  for (const transport_tables& by : {tcp(), noise(nk), websocket()})
    both_ways(scenario::udp_dns, by);
}
TEST_CASE("interop: udp, dnsmasq and dig over tls") { over_tls(scenario::udp_dns, false); }
TEST_CASE("interop: udp, iperf3") { both_ways(scenario::udp_iperf3); }
TEST_CASE("interop: udp, visitors and services of IPv6") { both_ways(scenario::udp_ipv6); }
TEST_CASE("interop: udp, the tunnel recovers after a restart of the server") {
  both_ways(scenario::udp_server_restart);
}
TEST_CASE("interop: udp, the tunnel recovers after a restart of the client") {
  both_ways(scenario::udp_client_restart);
}
TEST_CASE("interop: udp, the local service of our client may start late and restart") {
  one_way(scenario::udp_service_comes_and_goes, side::client);
}

}  // namespace
}  // namespace rathole::test
