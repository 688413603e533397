#include "../support/tunnel_scenarios.hpp"

#include "../support/our_program.hpp"

#include <doctest/doctest.h>

namespace rathole::test {
namespace {

pairing ours() { return {"our server, our client", our_program(), our_program()}; }

TEST_CASE("tunnel: 200 concurrent visitors of 1 MiB each way") {
  scenario::concurrent_visitors(ours());
}
TEST_CASE("tunnel: the service may answer after the visitor has ended its direction") {
  scenario::half_close(ours());
}
TEST_CASE("tunnel: the visitor may send after the service has ended its direction") {
  scenario::service_ends_first(ours());
}
TEST_CASE("tunnel: a wrong token is refused and affects no other client") {
  scenario::wrong_token(ours());
}
TEST_CASE("tunnel: an unknown service is refused and affects no other client") {
  scenario::unknown_service(ours());
}
TEST_CASE("tunnel: a service that is down affects only its own visitors") {
  scenario::dead_service(ours());
}
TEST_CASE("tunnel: visitors that disappear affect no others") {
  scenario::vanishing_visitors(ours());
}
TEST_CASE("tunnel: a visitor that does not read affects no others") {
  scenario::stalled_visitor(ours());
}
TEST_CASE("tunnel: recovers after a restart of the server") { scenario::server_restart(ours()); }
TEST_CASE("tunnel: recovers after a restart of the client") { scenario::client_restart(ours()); }
TEST_CASE("tunnel: ten services on one client") { scenario::ten_services(ours()); }
TEST_CASE("tunnel: the newer of two clients serves the service") {
  scenario::newer_client_serves(ours());
}
TEST_CASE("tunnel: an active connection outlives its control channel") {
  scenario::forward_outlives_control_channel(ours());
}

}  // namespace
}  // namespace rathole::test
