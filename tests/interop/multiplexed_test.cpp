#include "../support/tunnel_scenarios.hpp"
#include "both_ways.hpp"

#include <doctest/doctest.h>

namespace rathole::test {
namespace {

TEST_CASE("interop: a client that multiplexes uses upstream's server without multiplexing") {
  const transport_tables by = multiplexed(tcp());
  one_way(scenario::crowd, side::client, by);
  one_way(scenario::half_close, side::client, by);
  one_way(scenario::server_restart, side::client, by);
}

TEST_CASE("interop: a client that multiplexes says so if upstream's server does not") {
  const transport_tables by = multiplexed(tcp());
  service local(echo);
  tunnel t({by.name, upstream_program(), our_program(), by.server, by.client});
  const std::uint16_t port = t.add("echo", local.port());
  t.start_server_first();
  INFO(t.logs());
  CHECK(eventually([&] { return answered(port); }));
  CHECK(t.client->wait_for("does not multiplex: it closed the connection"));
}

}  // namespace
}  // namespace rathole::test
