// Services with several local addresses, with real web servers.

#include "../support/local_targets_scenarios.hpp"
#include "../support/our_program.hpp"
#include "../support/services.hpp"
#include "../support/transport_tables.hpp"
#include "../support/visitors.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

pairing over(const transport_tables& by) {
  return {by.name, our_program(), our_program(), by.server, by.client};
}

TEST_CASE("local targets: visitors reach the web server that works") {
  scenario::visitors_reach_what_works(over(tcp()));
}

TEST_CASE("local targets: without health checks a visitor finds out, and is served") {
  tunnel between(over(tcp()));
  std::optional<service> first(greet("first "));
  service second(greet("second "));
  const std::uint16_t port =
      between.add_spread("echo", {first->port(), second.port()}, "strategy = \"failover\"");
  between.start_server_first();
  REQUIRE(eventually([port] { return round_trip(port, "hello", "first "); }));
  const std::uint16_t gone = first->port();
  first.reset();
  for (int i = 0; i < 10; ++i) CHECK(round_trip(port, "hello", "second "));
  INFO(between.logs());
  CHECK(between.client->wait_for("The local address 127.0.0.1:" + std::to_string(gone) +
                                 " is down: Connection refused"));
}

}  // namespace
}  // namespace rathole::test
