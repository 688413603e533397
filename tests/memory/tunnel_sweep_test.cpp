// Whole clients and servers, whose allocations fail: each in turn, and many in a row. No byte of
// one connection arrives on another, nothing else ends in the other program or in other
// connections, and everything recovers once there is memory. RATHOLE_MEMORY_STRIDE=1 fails every
// allocation.

#include "tunnel_sweep.hpp"

#include <rathole/transport/tcp.hpp>

namespace rathole::test {

namespace {

struct plain_kit {
  using layered_tcp = transport::tcp<sim::runtime>;
  static constexpr config::transport_kind kind = config::transport_kind::tcp;
  static layered_tcp make(sim::runtime on) { return {std::move(on), {}}; }
};

}  // namespace

TEST_SUITE("memory: allocations of a whole tunnel fail") {
  TEST_CASE("each allocation of the client fails") { sweep_tunnel<plain_kit>(swept::client, 23); }
  TEST_CASE("each allocation of the server fails") { sweep_tunnel<plain_kit>(swept::server, 23); }
}

}  // namespace rathole::test
