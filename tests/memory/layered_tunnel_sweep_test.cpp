// The same sweeps as in tunnel_sweep_test.cpp, with a layered transport.

#include "support/framing_layer.hpp"
#include "tunnel_sweep.hpp"

#include <rathole/transport/layered.hpp>
#include <rathole/transport/tcp.hpp>

namespace rathole::test {

namespace {

struct framing_factory {
  using layer_type = framing_layer;
  [[nodiscard]] result<framing_layer> client_layer() const { return framing_layer(); }
  [[nodiscard]] result<framing_layer> server_layer() const { return framing_layer(); }
  [[nodiscard]] bool serves(config::transport_kind kind) const {
    return kind == config::transport_kind::tls;
  }
};

struct layered_kit {
  using layered_tcp = transport::layered<transport::tcp<sim::runtime>, framing_factory>;
  static constexpr config::transport_kind kind = config::transport_kind::tls;
  static layered_tcp make(sim::runtime on) {
    return layered_tcp(transport::tcp<sim::runtime>(std::move(on), {}), framing_factory());
  }
};

}  // namespace

TEST_SUITE("memory: allocations of a whole layered tunnel fail") {
  TEST_CASE("each allocation of the client fails") { sweep_tunnel<layered_kit>(swept::client, 29); }
  TEST_CASE("each allocation of the server fails") { sweep_tunnel<layered_kit>(swept::server, 29); }
}

}  // namespace rathole::test
