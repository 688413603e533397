#include "support/budget_laws.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  fuzz::budget_run run(8 + 4 * std::size_t{in.byte()});
  for (int i = 0; i < 1000 && !in.empty(); ++i) run.step(in);
  run.finish();
  return 0;
}
