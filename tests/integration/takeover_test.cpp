// Clients that repeatedly take over a UDP service from one another.

#include "../support/eventually.hpp"
#include "../support/manual_client.hpp"
#include "../support/occurrences.hpp"
#include "../support/our_program.hpp"
#include "../support/tunnel.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <optional>
#include <string>

namespace rathole::test {
namespace {

TEST_CASE("takeover: a UDP service's sockets are closed before its next client's are bound") {
  tunnel both({"our server", our_program(), our_program()});
  both.add_udp("taken", 9);
  both.start_server();
  REQUIRE(eventually([&] { return !refused(both.port()); }));
  constexpr std::size_t takeovers = 200;
  std::optional<manual_client> serving;
  for (std::size_t i = 0; i < takeovers; ++i) {
    manual_client next(both.port());
    REQUIRE(next.authenticate("taken"));
    // The previous client has been connected until now.
    serving.emplace(std::move(next));
  }
  // One line for the clients' listener and one for the last client's service.
  CHECK(eventually([&] { return occurrences(both.server->output(), "Listening at") >= 2; }));
  CHECK(occurrences(both.server->output(), "in use") == 0);
}

}  // namespace
}  // namespace rathole::test
