#include "support/pool_laws.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  protocol::pool_limits limits;
  limits.size = in.below(6);
  limits.max_idle = in.below(9);
  limits.max_waiting_visitors = in.below(7);
  limits.visitor_timeout = std::chrono::seconds(1 + in.below(10));
  limits.request_timeout = std::chrono::seconds(1 + in.below(10));
  fuzz::pool_run run(limits, time_point(std::chrono::hours(1)));
  for (int i = 0; i < 1000 && !in.empty(); ++i) {
    run.step(in);
    if (!in.flag()) run.settle();
  }
  run.settle();
  run.finish();
  return 0;
}
