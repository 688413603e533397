// Checks that whatever parses as an address prints as text that parses to the same. A second line is a second
// address.

#include "support/address_laws.hpp"
#include "support/fuzz_input.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::fuzz_input(data, size).text();
  const auto end = std::min(text.find('\n'), text.size());
  const auto one = fuzz::check_address(text.substr(0, end));
  const auto other = fuzz::check_address(text.substr(std::min(end + 1, text.size())));
  if (one && other) fuzz::check_overlap(*one, *other);
  fuzz::check_network(text);
  return 0;
}
