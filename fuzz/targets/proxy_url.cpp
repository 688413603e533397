#include "support/address_laws.hpp"
#include "support/fuzz_input.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::check_proxy_url(fuzz::fuzz_input(data, size).text());
  return 0;
}
