#include "../support/tunnel_scenarios.hpp"

#include "../support/our_program.hpp"

#include <doctest/doctest.h>

namespace rathole::test {
namespace {

pairing ours() { return {"our server, our client", our_program(), our_program()}; }

TEST_CASE("tunnel: 200 concurrent visitors of 1 MiB each way") {
  scenario::concurrent_visitors(ours());
}
TEST_CASE("tunnel: the service answers after the visitor's end") { scenario::half_close(ours()); }
TEST_CASE("tunnel: the visitor speaks after the service's end") {
  scenario::service_ends_first(ours());
}
TEST_CASE("tunnel: a wrong token opens nothing and harms nobody") { scenario::wrong_token(ours()); }
TEST_CASE("tunnel: an unknown service opens nothing and harms nobody") {
  scenario::unknown_service(ours());
}
TEST_CASE("tunnel: a service that is down costs its visitors only") {
  scenario::dead_service(ours());
}
TEST_CASE("tunnel: visitors that vanish harm nobody") { scenario::rude_visitors(ours()); }
TEST_CASE("tunnel: a visitor that does not read harms nobody") {
  scenario::stalled_visitor(ours());
}
TEST_CASE("tunnel: heals after a restart of the server") { scenario::server_restart(ours()); }
TEST_CASE("tunnel: heals after a restart of the client") { scenario::client_restart(ours()); }
TEST_CASE("tunnel: ten services on one client") { scenario::ten_services(ours()); }
TEST_CASE("tunnel: the newer of two clients serves") { scenario::newer_client_serves(ours()); }
TEST_CASE("tunnel: a running forward outlives its control channel") {
  scenario::forward_outlives_control_channel(ours());
}

}  // namespace
}  // namespace rathole::test
