#include "../support/connections_to.hpp"
#include "../support/services.hpp"
#include "../support/transport_tables.hpp"
#include "../support/tunnel_scenarios.hpp"
#include "../support/udp_scenarios.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

constexpr const char* nk = "Noise_NK_25519_ChaChaPoly_BLAKE2s";

pairing ours(const transport_tables& by) {
  return {by.name + ": our server, our client", our_program(), our_program(), by.server, by.client};
}

/// Returns every transport, multiplexed.
std::vector<transport_tables> all_multiplexed(authority& issuer) {
  const std::string server = pem_keys(issuer.issue());
  return {multiplexed(tcp()), multiplexed(tcp(), 3), multiplexed(noise(nk)),
          multiplexed(websocket()), multiplexed(tls("tls", server, trust_in(issuer)))};
}

TEST_CASE("multiplexed: a crowd of visitors over each transport, with one thread and with four") {
  authority issuer;
  for (const transport_tables& by : all_multiplexed(issuer)) {
    for (const std::string workers : {"workers = 1", "workers = 4"}) {
      CAPTURE(by.name);
      CAPTURE(workers);
      service local(echo);
      tunnel t(ours(by));
      t.server_keys = workers;
      t.client_keys += "\n" + workers;
      const std::uint16_t port = t.add("echo", local.port());
      t.start_server_first();
      INFO(t.logs());
      REQUIRE(eventually([&] { return answered(port); }));
      visitor_crowd visitors(scenario::crowd_size, 256 << 10, 61, end_of_sending::after_answer);
      CHECK(visitors.visit(port, std::chrono::seconds{60}) == "");
      CHECK(connections_to(t.port()) <= 3);
    }
  }
}

TEST_CASE("multiplexed: ends of streams, restarts and wrong tokens, over each transport") {
  authority issuer;
  for (const transport_tables& by : all_multiplexed(issuer)) {
    CAPTURE(by.name);
    scenario::half_close(ours(by));
    scenario::service_ends_first(ours(by));
    scenario::server_restart(ours(by));
    scenario::wrong_token(ours(by));
  }
}

TEST_CASE("multiplexed: dead services, and visitors that vanish or do not read") {
  const pairing programs = ours(multiplexed(tcp()));
  scenario::dead_service(programs);
  scenario::vanishing_visitors(programs);
  scenario::stalled_visitor(programs);
  scenario::client_restart(programs);
  scenario::newer_client_serves(programs);
  scenario::forward_outlives_control_channel(programs);
}

TEST_CASE("multiplexed: datagrams over each transport") {
  authority issuer;
  for (const transport_tables& by : all_multiplexed(issuer)) {
    CAPTURE(by.name);
    scenario::udp_crowd_of_visitors(ours(by));
    scenario::udp_large_questions(ours(by));
  }
}

TEST_CASE("multiplexed: a client with 20 services has one connection to its server") {
  service local(echo);
  tunnel t(ours(multiplexed(tcp())));
  std::vector<std::uint16_t> ports;
  for (int i = 0; i < 20; ++i) ports.push_back(t.add("echo" + std::to_string(i), local.port()));
  t.start_server_first();
  INFO(t.logs());
  for (const std::uint16_t port : ports) CHECK(eventually([&] { return answered(port); }));
  CHECK(connections_to(t.port()) == 1);
}

}  // namespace
}  // namespace rathole::test
