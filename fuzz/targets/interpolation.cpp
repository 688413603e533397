// Replaces the variables in a text; the first two bytes say how long it may become, and where it is cut.

#include "support/fuzz_input.hpp"
#include "support/interpolation_laws.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  fuzz::check_interpolation(text, data[0], data[1]);
  return 0;
}
