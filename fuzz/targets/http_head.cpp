#include "support/fuzz_input.hpp"
#include "support/head_laws.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  const std::size_t piece = 1u + in.byte();
  fuzz::check_head(in.rest(), piece);
  return 0;
}
