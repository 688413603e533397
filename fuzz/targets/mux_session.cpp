#include "support/mux_laws.hpp"

using namespace rathole;

// Checks that any cut of what a peer sends gives the same events and answers, that whatever it
// sends stays within the bounds, and that the frames that are sent are well-formed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  fuzz::mux_run(in).run();
  return 0;
}
