// Hexadecimal and base64, as text and as octets, and numbers in both byte orders.

#include "support/encoding_laws.hpp"
#include "support/script.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::check_octets(fuzz::script(data, size).rest());
  fuzz::check_encoded(fuzz::script(data, size).text());
  return 0;
}
