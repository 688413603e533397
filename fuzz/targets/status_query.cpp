#include "support/machine_laws.hpp"

#include <rathole/http/status_query.hpp>

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  fuzz::check_machine(http::status_query("example.com", "/health"), in,
                      http::status_query::max_buffered);
  return 0;
}
