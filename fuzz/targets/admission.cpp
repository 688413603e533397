#include "support/admission_laws.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  protocol::admission_limits limits;
  limits.total = in.below(16);
  limits.per_source = in.below(8);
  fuzz::admission_run run(limits);
  for (int i = 0; i < 1000 && !in.empty(); ++i) run.step(in);
  return 0;
}
