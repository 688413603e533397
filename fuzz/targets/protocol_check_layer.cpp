// A WebSocket client behind the check of the protocol with which the peer begins.

#include "support/layer_laws.hpp"
#include "support/websocket_endpoints.hpp"

#include <rathole/protocol/protocol_check_layer.hpp>

using namespace rathole;
using namespace std::chrono_literals;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using checked_layer =
      protocol::protocol_check_layer<fuzz::websocket_layer, protocol::wire_protocol::http>;
  fuzz::fuzz_input in(data, size);
  const bool is_open = in.flag();
  const auto make = [] {
    return checked_layer(fuzz::websocket_layer::client({.host = "h", .ping_interval = 30s}));
  };
  fuzz::check(make().summary() == summary_of(fuzz::websocket_layer::client({.host = "h"})));
  fuzz::check_layer(make, in, is_open ? byte_view_of(fuzz::upgrade_answer) : byte_view());
  return 0;
}
