// Networks in CIDR notation: what parses prints as text that parses to the same, and has the addresses that
// its bits say. The lines are two networks and an address.

#include "support/fuzz_input.hpp"
#include "support/ip_network_laws.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  const std::string_view first = in.line();
  const std::string_view second = in.line();
  fuzz::check_ip_network(first);
  fuzz::check_ip_network(second);
  const auto one = parse_ip_network(first);
  const auto other = parse_ip_network(second);
  const auto of = to_ip_endpoint({std::string(in.line()), 0});
  if (one && other && of) fuzz::check_access(*one, *other, *of);
  return 0;
}
