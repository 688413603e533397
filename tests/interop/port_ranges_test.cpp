#include "../support/port_range_scenarios.hpp"
#include "both_ways.hpp"

#include <doctest/doctest.h>

#include <string>

namespace rathole::test {
namespace {

/// Runs a scenario in which only our program has a range.
void with_upstream(void (*scenario)(ranged_tunnel&), const std::string& type, side ours) {
  const bool is_server = ours == side::server;
  ranged_tunnel t({"interop", is_server ? our_program() : upstream_program(),
                   is_server ? upstream_program() : our_program()},
                  type);
  t.server_has_range = is_server;
  t.client_has_range = !is_server;
  scenario(t);
}

TEST_CASE("interop: upstream's client has a service for each port of our server's range") {
  with_upstream(scenario::tcp_port_range, "tcp", side::server);
  with_upstream(scenario::udp_port_range, "udp", side::server);
}

TEST_CASE("interop: upstream's server has a service for each port of our client's range") {
  with_upstream(scenario::tcp_port_range, "tcp", side::client);
  with_upstream(scenario::udp_port_range, "udp", side::client);
}

}  // namespace
}  // namespace rathole::test
