#include "support/machine_laws.hpp"

#include <rathole/proxy/http_connect.hpp>

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  std::optional<proxy::credentials> user;
  if (in.flag()) user = proxy::credentials{"user", secret("password")};
  fuzz::check_machine(proxy::http_connect(user, {"example.com", 80}), in,
                      proxy::http_connect::max_buffered);
  return 0;
}
