#include "support/script.hpp"
#include "support/udp_laws.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::script in(data, size);
  const std::size_t piece = 1u + in.octet();
  fuzz::check_udp(in.rest(), piece);
  return 0;
}
