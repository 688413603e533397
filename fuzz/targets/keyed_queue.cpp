#include "support/queue_laws.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  fuzz::queue_run run;
  for (int i = 0; i < 1000 && !in.empty(); ++i) run.step(in);
  return 0;
}
