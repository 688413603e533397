#include "../support/tunnel_scenarios.hpp"
#include "both_ways.hpp"

#include <doctest/doctest.h>

namespace rathole::test {
namespace {

TEST_CASE("interop: 200 concurrent visitors of 1 MiB each way") {
  both_ways(scenario::concurrent_visitors);
}
TEST_CASE("interop: the service may answer after the visitor has ended its direction") {
  both_ways(scenario::half_close);
}
TEST_CASE("interop: the visitor may send after the service has ended its direction") {
  both_ways(scenario::service_ends_first);
}
TEST_CASE("interop: a wrong token is refused and affects no other client") {
  both_ways(scenario::wrong_token);
}
TEST_CASE("interop: an unknown service is refused and affects no other client") {
  both_ways(scenario::unknown_service);
}
TEST_CASE("interop: a service that is down affects only its own visitors") {
  both_ways(scenario::dead_service);
}
TEST_CASE("interop: visitors that disappear affect no others") {
  both_ways(scenario::vanishing_visitors);
}
TEST_CASE("interop: a visitor that does not read affects no others") {
  both_ways(scenario::stalled_visitor);
}
TEST_CASE("interop: the tunnel recovers after a restart of the server") {
  both_ways(scenario::server_restart);
}
TEST_CASE("interop: the tunnel recovers after a restart of the client") {
  both_ways(scenario::client_restart);
}
TEST_CASE("interop: ten services on one client") { both_ways(scenario::ten_services); }
TEST_CASE("interop: the newer of two clients serves the service") {
  both_ways(scenario::newer_client_serves);
}
TEST_CASE("interop: an active connection outlives its control channel") {
  both_ways(scenario::forward_outlives_control_channel);
}

}  // namespace
}  // namespace rathole::test
