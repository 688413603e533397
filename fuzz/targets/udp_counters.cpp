// What the sides of a UDP service count, and the sum of it.

#include "support/check.hpp"
#include "support/fuzz_input.hpp"

#include <rathole/protocol/udp_counters.hpp>

#include <vector>

using namespace rathole;
using protocol::udp_counters;

namespace {

udp_counters sum_of(const std::vector<udp_counters>& all) {
  udp_counters out;
  for (const udp_counters& each : all) out += each;
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  std::vector<udp_counters> all;
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t lost = 0;
  std::uint64_t evicted = 0;
  while (!in.empty()) {
    udp_counters& one = all.emplace_back();
    sent += one.sent = in.byte();
    received += one.received = in.byte();
    lost += one.queue_full = in.byte();
    lost += one.refused = in.byte();
    lost += one.unknown_visitor = in.byte();
    evicted += one.evicted = in.byte();
    lost += one.denied = in.byte();
    lost += one.over_address_limit = in.byte();
    lost += one.over_rate = in.byte();
  }
  const udp_counters sum = sum_of(all);
  fuzz::check(sum.sent == sent && sum.received == received && sum.evicted == evicted);
  fuzz::check(sum.lost() == lost);
  // The order does not matter, and nothing that was counted is lost.
  fuzz::check(sum_of({all.rbegin(), all.rend()}) == sum);
  all.push_back({.refused = 1});
  fuzz::check(sum_of(all) != sum && sum_of(all).lost() == lost + 1);
  return 0;
}
