#include "../support/tunnel_scenarios.hpp"
#include "both_ways.hpp"

#include <doctest/doctest.h>

namespace rathole::test {
namespace {

TEST_CASE("interop: 200 concurrent visitors of 1 MiB each way") {
  both_ways(scenario::concurrent_visitors);
}
TEST_CASE("interop: the service answers after the visitor's end") {
  both_ways(scenario::half_close);
}
TEST_CASE("interop: the visitor speaks after the service's end") {
  both_ways(scenario::service_ends_first);
}
TEST_CASE("interop: a wrong token opens nothing and harms nobody") {
  both_ways(scenario::wrong_token);
}
TEST_CASE("interop: an unknown service opens nothing and harms nobody") {
  both_ways(scenario::unknown_service);
}
TEST_CASE("interop: a service that is down costs its visitors only") {
  both_ways(scenario::dead_service);
}
TEST_CASE("interop: visitors that vanish harm nobody") { both_ways(scenario::rude_visitors); }
TEST_CASE("interop: a visitor that does not read harms nobody") {
  both_ways(scenario::stalled_visitor);
}
TEST_CASE("interop: the tunnel heals after a restart of the server") {
  both_ways(scenario::server_restart);
}
TEST_CASE("interop: the tunnel heals after a restart of the client") {
  both_ways(scenario::client_restart);
}
TEST_CASE("interop: ten services on one client") { both_ways(scenario::ten_services); }
TEST_CASE("interop: the newer of two clients serves") { both_ways(scenario::newer_client_serves); }
TEST_CASE("interop: a running forward outlives its control channel") {
  both_ways(scenario::forward_outlives_control_channel);
}

}  // namespace
}  // namespace rathole::test
