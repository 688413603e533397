#include "support/address_laws.hpp"
#include "support/script.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::check_proxy_url(fuzz::script(data, size).text());
  return 0;
}
