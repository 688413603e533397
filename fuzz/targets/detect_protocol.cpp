#include "support/detection_laws.hpp"
#include "support/fuzz_input.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::check_detection(fuzz::fuzz_input(data, size).rest());
  static const bool once = (fuzz::check_protocol_errors(), true);
  fuzz::check(once);
  return 0;
}
