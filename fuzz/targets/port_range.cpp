// Ranges of ports, and addresses with them: what parses prints as text that parses to the same. The lines are a
// range, an address and a name.

#include "support/fuzz_input.hpp"
#include "support/port_range_laws.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest = fuzz::fuzz_input(data, size).text();
  const auto line = [&rest] {
    const auto end = std::min(rest.find('\n'), rest.size());
    const std::string_view out = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return out;
  };
  const std::string_view range = line();
  fuzz::check_port_range(range);
  fuzz::check_ranged_address(line());
  if (const auto ports = config::parse_port_range(range)) fuzz::check_ranged_names(line(), *ports);
  return 0;
}
