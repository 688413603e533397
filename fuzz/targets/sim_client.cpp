// A whole client before a server of any kind, in a network that lets both down.

#include "support/client_simulation.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  fuzz::client_simulation play(in);
  for (int i = 0; i < 100 && !in.empty(); ++i) play.step(in);
  play.conclude();
  return 0;
}
