// Tunnels of clients that multiplex.

#include "support/sim_tunnel.hpp"

#include <rathole/client/client.hpp>
#include <rathole/server/server.hpp>

using namespace rathole;
using namespace std::chrono_literals;
using test::pattern, test::sim_tunnel;

namespace {

/// A tunnel whose client multiplexes.
struct multiplexed_tunnel : sim_tunnel {
  explicit multiplexed_tunnel(std::uint64_t seed) : sim_tunnel(seed) {
    client_settings.transport.multiplex = true;
  }
};

TEST_CASE("multiplexed: a visitor gets an answer, and all channels are one connection") {
  for (const auto seed : test::scenario_seeds(20)) {
    multiplexed_tunnel tunnel(seed);
    tunnel.start_all();
    const std::string payload = pattern(100'000);
    CHECK(tunnel.bench.must(tunnel.visit(payload)) == payload);
    // A connection has two ends.
    CHECK(tunnel.world.net().in_use().streams == 2);
    const auto at_server = tunnel.server->descriptors();
    CHECK(at_server.multiplexed == 1);
    CHECK(at_server.idle == 0);
    CHECK(at_server.forwards == 0);
    CHECK(at_server.one_sided == 0);
    CHECK(tunnel.server->events.count<server_side::handshake_failed>() == 0);
    tunnel.stop_all();
  }
}

}  // namespace
