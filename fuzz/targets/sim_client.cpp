// Fuzzes a whole client with a server of any behaviour, in a network with faults.

#include "support/client_simulation.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  fuzz::client_simulation play(in);
  for (int i = 0; i < 100 && !in.empty(); ++i) play.step(in);
  play.conclude();
  return 0;
}
