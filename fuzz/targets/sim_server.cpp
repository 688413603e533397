// Fuzzes a whole server with peers of every behaviour: valid and invalid clients, their data
// channels, and visitors, in a network with faults.

#include "support/server_simulation.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  fuzz::server_simulation play(in);
  for (int i = 0; i < 100 && !in.empty(); ++i) play.step(in);
  play.conclude();
  return 0;
}
