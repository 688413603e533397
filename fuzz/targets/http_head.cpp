#include "support/head_laws.hpp"
#include "support/script.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::script in(data, size);
  const std::size_t piece = 1u + in.octet();
  fuzz::check_head(in.rest(), piece);
  return 0;
}
