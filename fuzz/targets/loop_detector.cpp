#include "support/loop_laws.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  fuzz::loop_run run(in.flag());
  for (int i = 0; i < 500 && !in.empty(); ++i) run.step(in);
  run.finish();
  return 0;
}
