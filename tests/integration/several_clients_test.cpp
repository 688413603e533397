// Several real clients serve one service.

#include "../support/several_clients_scenarios.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>

namespace rathole::test {
namespace {

TEST_CASE("several clients: three share the visitors, and one of them dies under load") {
  three_clients all({our_program(), our_program(), our_program()}, "on_conflict = \"balance\"",
                    {tcp(), multiplexed(tcp()), tcp()});
  scenario::one_of_three_dies(all);
}

TEST_CASE("several clients: over an encrypted transport") {
  const transport_tables by = noise("Noise_NK_25519_ChaChaPoly_BLAKE2s");
  three_clients all({our_program(), our_program(), our_program()}, "on_conflict = \"balance\"",
                    {by, multiplexed(by), by});
  scenario::one_of_three_dies(all);
}

TEST_CASE("several clients: with affinity an address keeps its client") {
  three_clients all({our_program(), our_program(), our_program()},
                    "on_conflict = \"balance\"\naffinity = \"source\"");
  for (std::size_t i = 0; i < 3; ++i) all.start(i);
  CHECK(eventually(
      [&] { return occurrences(all.server->output(), "Control channel established") == 3; }));
  const std::string usual = all.ask();
  REQUIRE(usual.size() == 1);
  for (int i = 0; i < 20; ++i) CHECK(all.ask() == usual);
  all.clients[static_cast<std::size_t>(usual[0] - '0')]->kill();
  std::string other;
  CHECK(eventually([&] { return !(other = all.ask()).empty() && other != usual; }));
  for (int i = 0; i < 20; ++i) CHECK(all.ask() == other);
}

TEST_CASE("several clients: a second one is told that it is refused, and is accepted later") {
  three_clients all({our_program(), our_program(), our_program()}, "on_conflict = \"reject\"");
  all.start(0);
  CHECK(eventually([&] { return all.ask() == "0"; }));
  all.start(1);
  CHECK(all.clients[1]->wait_for("the service takes no more clients; other clients serve it"));
  CHECK(all.server->wait_for("Client refused: another client serves the service"));
  CHECK(all.ask() == "0");
  all.clients[0]->kill();
  CHECK(eventually([&] { return all.ask() == "1"; }));
  CHECK(occurrences(all.server->output(), "Client refused") == 1);
}

}  // namespace
}  // namespace rathole::test
