// Hexadecimal and base64, as text and as bytes, and numbers in both byte orders.

#include "support/encoding_laws.hpp"
#include "support/fuzz_input.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::check_bytes(fuzz::fuzz_input(data, size).rest());
  fuzz::check_encoded(fuzz::fuzz_input(data, size).text());
  return 0;
}
