#include "support/layer_laws.hpp"
#include "support/noise_endpoints.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr auto who = noise::role::responder;
  static const byte_buffer opening = fuzz::noise_opening(who);
  fuzz::fuzz_input in(data, size);
  const bool is_open = in.flag();
  const auto make = [] { return fuzz::noise_layer(who); };
  fuzz::check_layer(make, in, is_open ? opening.data() : byte_view());
  return 0;
}
