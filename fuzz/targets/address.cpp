// Checks that whatever parses as an address prints as text that parses to the same. A second line is a second
// address.

#include "support/address_laws.hpp"
#include "support/fuzz_input.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  const auto one = fuzz::check_address(in.line());
  const auto other = fuzz::check_address(in.text());
  if (one && other) fuzz::check_overlap(*one, *other);
  fuzz::check_network(fuzz::fuzz_input(data, size).text());
  return 0;
}
