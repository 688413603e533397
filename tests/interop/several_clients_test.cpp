// Upstream's client is one of several that serve a service of our server.

#include "../support/several_clients_scenarios.hpp"
#include "upstream.hpp"

#include <doctest/doctest.h>

namespace rathole::test {
namespace {

TEST_CASE("interop: upstream's client shares the visitors with ours, and dies under load") {
  three_clients all({our_program(), upstream_program(), our_program()}, "on_conflict = \"balance\"",
                    {tcp(), tcp(), multiplexed(tcp())});
  scenario::one_of_three_dies(all);
}

TEST_CASE("interop: upstream's client tries again while another one serves the service") {
  three_clients all({our_program(), upstream_program(), our_program()}, "on_conflict = \"reject\"");
  all.start(0);
  CHECK(eventually([&] { return all.ask() == "0"; }));
  all.start(1);
  CHECK(all.server->wait_for("Client refused: another client serves the service"));
  CHECK(all.clients[1]->wait_for("Retry in"));
  CHECK(all.ask() == "0");
  all.clients[0]->kill();
  CHECK(eventually([&] { return all.ask() == "1"; }));
}

}  // namespace
}  // namespace rathole::test
