#include "../support/cut_proxy.hpp"
#include "../support/occurrences.hpp"
#include "../support/transport_tables.hpp"
#include "../support/udp_scenarios.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

using kind = cut_proxy::kind;

constexpr const char* nk = "Noise_NK_25519_ChaChaPoly_BLAKE2s";

pairing ours(const transport_tables& by = tcp()) {
  return {by.name + ": our server, our client", our_program(), our_program(), by.server, by.client};
}

std::vector<transport_tables> all_transports(const authority& issuer,
                                             const identity_files& identity) {
  std::vector<transport_tables> all = {tcp(), noise(nk), websocket()};
  for (const std::string& engine : tls_engines()) {
    const std::string server = pem_keys(identity) + engine_key(engine);
    const std::string client = trust_in(issuer) + engine_key(engine);
    all.push_back(tls("tls by " + engine, server, client));
    all.push_back(websocket_over_tls("websocket over tls by " + engine, server, client));
  }
  return all;
}

TEST_CASE("udp: 500 visitors over every transport") {
  authority issuer;
  const identity_files identity = issuer.issue();
  for (const transport_tables& by : all_transports(issuer, identity))
    scenario::udp_crowd_of_visitors(ours(by));
}
TEST_CASE("udp: 500 visitors with four threads and five data channels") {
  udp_service local;
  tunnel t(ours());
  t.server_keys = "workers = 4\npool.size = 5";
  t.client_keys += "\nworkers = 4";
  const std::uint16_t port = t.add_udp("echo", local.port());
  t.start_server_first();
  INFO(t.logs());
  REQUIRE(udp_visitor(port).is_served());
  udp_crowd visitors(scenario::udp_crowd_size, 5, 20240602);
  CHECK(visitors.visit(port, std::chrono::seconds{60}) == "");
}

/// Sizes around the boundaries of buffers, frames, records and packets.
std::vector<std::size_t> all_boundaries() {
  std::vector<std::size_t> sizes = {0, 1, 2, 3, 20, 508, 1200, 1232, 1400};
  for (const std::size_t middle : {64U, 128U, 256U, 512U, 1024U, 1472U, 1500U, 2048U, 4096U, 8192U,
                                   9000U, 16384U, 32768U, 65400U, 65480U, 65500U})
    for (std::size_t size = middle - 2; size <= middle + 2; ++size) sizes.push_back(size);
  for (std::size_t size = scenario::largest_datagram - 4; size <= scenario::largest_datagram;
       ++size)
    sizes.push_back(size);
  return sizes;
}

TEST_CASE("udp: datagrams of every size over every transport") {
  authority issuer;
  const identity_files identity = issuer.issue();
  for (const transport_tables& by : all_transports(issuer, identity))
    scenario::udp_sizes(ours(by), all_boundaries());
}
TEST_CASE("udp: dnsmasq and dig work through the tunnel") { scenario::udp_dns(ours()); }
TEST_CASE("udp: iperf3 works through the tunnel") { scenario::udp_iperf3(ours()); }
TEST_CASE("udp: visitors and services of IPv6") { scenario::udp_ipv6(ours()); }
TEST_CASE("udp: a service may listen on several addresses") {
  udp_service local;
  tunnel t(ours());
  const std::uint16_t port = free_udp_port();
  t.add_udp_at("echo", port, quoted_localhost(port), local.port());
  t.start_server_first();
  INFO(t.logs());
  for (const int family : {AF_INET, AF_INET6}) {
    CAPTURE(family);
    CHECK(udp_visitor(port, family).is_served());
  }
}
TEST_CASE("udp: visitors are answered from the address that they sent to") {
  udp_service local;
  for (const std::string host : {"0.0.0.0", "[::]"}) {
    CAPTURE(host);
    tunnel t(ours());
    const std::uint16_t port = free_udp_port();
    t.add_udp_at("echo", port, '"' + host + ':' + std::to_string(port) + '"', local.port());
    t.start_server_first();
    INFO(t.logs());
    // Connected sockets receive nothing from other addresses.
    udp_visitor first(port);
    udp_visitor second(port);
    second.socket().connect(port, 77);
    for (int i = 0; i < 3; ++i) {
      CHECK(first.is_served());
      CHECK(second.is_served());
    }
  }
}
TEST_CASE("udp: recovers after a restart of the server") { scenario::udp_server_restart(ours()); }
TEST_CASE("udp: recovers after a restart of the client") { scenario::udp_client_restart(ours()); }
TEST_CASE("udp: a local service may start late and restart") {
  scenario::udp_service_comes_and_goes(ours());
}

TEST_CASE("udp: a datagram that cannot be sent affects no other visitor") {
  // An IPv6 datagram may be larger than any IPv4 datagram, and the local service uses IPv4.
  constexpr std::size_t largest_of_v6 = 65527;
  udp_service local;
  tunnel t(ours());
  const std::uint16_t port = free_udp_port();
  t.add_udp_at("echo", port, scenario::quoted_v6("::", port), local.port());
  t.start_server_first();
  INFO(t.logs());
  udp_visitor large(port, AF_INET6);
  udp_visitor other_v6(port, AF_INET6);
  udp_visitor other_v4(port);
  REQUIRE(large.is_served());
  for (std::size_t size = largest_of_v6; size > scenario::largest_datagram; size -= 4) {
    CAPTURE(size);
    CHECK(large.socket().send(std::string(size, 'x')));
    CHECK(other_v6.is_served());
    CHECK(other_v4.is_served());
    CHECK(large.is_served());
  }
}
TEST_CASE("udp: visitors that disappear affect no others") {
  udp_service local;
  tunnel t(ours());
  const std::uint16_t port = t.add_udp("echo", local.port());
  t.start_server_first();
  INFO(t.logs());
  udp_visitor patient(port);
  REQUIRE(patient.is_served());
  for (int i = 0; i < 100; ++i) {
    udp_socket visitor;
    visitor.connect(port);
    // The visitors have closed their sockets, so the system refuses the replies.
    for (int k = 0; k < 5; ++k) visitor.send("I shall not be here");
  }
  CHECK(patient.is_served());
  CHECK(udp_visitor(port).is_served());
}

/// A tunnel to a UDP echo service whose client reaches the server through a proxy.
struct proxied_udp_tunnel {
  udp_service local;
  tunnel both{ours()};
  std::uint16_t port = both.add_udp("echo", local.port());
  cut_proxy proxy{both.port()};

  proxied_udp_tunnel() { both.remote_port = proxy.port(); }
};

TEST_CASE("udp: lost data channels are replaced and visitors continue") {
  proxied_udp_tunnel t;
  t.both.start_server_first();
  INFO(t.both.logs());
  std::vector<udp_visitor> visitors;
  for (int i = 0; i < 8; ++i) visitors.emplace_back(t.port);
  for (udp_visitor& each : visitors) REQUIRE(each.is_served());
  const std::size_t control_channels = t.proxy.seen(kind::control);
  for (int round = 1; round <= 5; ++round) {
    CAPTURE(round);
    REQUIRE(eventually([&] { return t.proxy.open(kind::data) == 2; }));
    const std::size_t before = t.proxy.seen(kind::data);
    t.proxy.cut(kind::data);
    CHECK(eventually([&] { return t.proxy.seen(kind::data) == before + 2; }));
    for (udp_visitor& each : visitors) CHECK(each.is_served());
  }
  CHECK(t.proxy.seen(kind::control) == control_channels);
}
TEST_CASE("udp: a lost control channel is replaced") {
  proxied_udp_tunnel t;
  t.both.start_server_first();
  INFO(t.both.logs());
  udp_visitor visitor(t.port);
  for (int round = 1; round <= 3; ++round) {
    CAPTURE(round);
    REQUIRE(visitor.is_served());
    t.proxy.cut(kind::control);
  }
  CHECK(visitor.is_served());
}

TEST_CASE("udp: idle visitors release their descriptors") {
  udp_service local;
  tunnel t(ours());
  t.client_keys += "\nudp.idle_timeout = 1";
  t.server_keys = "udp.idle_timeout = 1";
  const std::uint16_t port = t.add_udp("echo", local.port());
  t.start_server_first();
  INFO(t.logs());
  REQUIRE(udp_visitor(port).is_served());
  const std::size_t before = open_descriptors(*t.client);
  std::vector<udp_visitor> visitors;
  for (int i = 0; i < 50; ++i) CHECK(visitors.emplace_back(port).is_served());
  CHECK(eventually([&] { return open_descriptors(*t.client) <= before; }));
  for (udp_visitor& each : visitors) CHECK(each.is_served());
}
TEST_CASE("udp: above the limit the longest idle visitors are dropped") {
  constexpr std::size_t limit = 10;
  udp_service local;
  tunnel t(ours());
  t.client_keys += "\nudp.max_visitors = 10";
  t.server_keys = "udp.max_visitors = 10";
  const std::uint16_t port = t.add_udp("echo", local.port());
  t.start_server_first();
  INFO(t.logs());
  udp_visitor first(port);
  REQUIRE(first.is_served());
  const std::size_t before = open_descriptors(*t.client);
  std::vector<udp_visitor> visitors;
  for (std::size_t i = 0; i < 5 * limit; ++i) {
    CHECK(visitors.emplace_back(port).is_served());
    CHECK(open_descriptors(*t.client) < before + limit);
  }
  for (udp_visitor& each : visitors) CHECK(each.is_served());
  CHECK(first.is_served());
}
TEST_CASE("udp: a flood of one visitor leaves room for another") {
  udp_service local;
  tunnel t(ours());
  const std::uint16_t port = t.add_udp("echo", local.port());
  t.start_server_first();
  INFO(t.logs());
  udp_visitor patient(port);
  REQUIRE(patient.is_served());
  udp_socket flood;
  flood.connect(port);
  const std::string datagram = random_bytes(1200, 3);
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 2000; ++i) flood.send(datagram);
    CHECK(patient.is_served());
  }
}

TEST_CASE("udp: a local service that is absent is reported once") {
  tunnel t(ours());
  const std::uint16_t absent = free_udp_port();
  const std::uint16_t port = t.add_udp("dns", absent);
  t.start_server_first();
  INFO(t.logs());
  const std::string line = "Failed to connect to 127.0.0.1:" + std::to_string(absent) +
                           ": Connection refused; nothing listens there: start it, or correct "
                           "`client.services.dns.local_addr`";
  udp_socket visitor;
  visitor.connect(port);
  CHECK(eventually([&] {
    visitor.send("anybody?");
    return occurrences(t.client->output(), line) > 0;
  }));
  // Other visitors and further datagrams say nothing new.
  for (int i = 0; i < 20; ++i) {
    udp_socket next;
    next.connect(port);
    next.send("and now?");
    visitor.send("and now?");
  }
  t.client->signal(SIGTERM);
  CHECK(t.client->wait_exit() == 0);
  CHECK(occurrences(t.client->output(), line) == 1);
}

}  // namespace
}  // namespace rathole::test
