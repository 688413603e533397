// Ranges of ports, and addresses with them: what parses prints as text that parses to the same. The lines are a
// range, an address and a name.

#include "support/fuzz_input.hpp"
#include "support/port_range_laws.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  const std::string_view range = in.line();
  fuzz::check_port_range(range);
  fuzz::check_ranged_address(in.line());
  if (const auto ports = config::parse_port_range(range)) {
    fuzz::check_ranged_names(in.line(), *ports);
  }
  return 0;
}
