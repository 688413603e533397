// Reads a header of the PROXY protocol, in pieces whose size the first byte says.

#include "support/fuzz_input.hpp"
#include "support/proxy_header_laws.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  fuzz::check_header(byte_view(data, size).subspan(1), data[0]);
  return 0;
}
