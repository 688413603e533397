#include "support/layer_laws.hpp"
#include "support/websocket_endpoints.hpp"

using namespace rathole;
using namespace std::chrono_literals;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  const bool is_open = in.flag();
  const auto make = [] {
    return fuzz::websocket_layer::server({.path = "/", .ping_interval = 30s});
  };
  fuzz::check_layer(make, in, is_open ? byte_view_of(fuzz::upgrade_request) : byte_view());
  return 0;
}
