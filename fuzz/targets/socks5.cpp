#include "support/machine_laws.hpp"

#include <rathole/proxy/socks5.hpp>

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  std::optional<proxy::credentials> user;
  if (in.flag()) user = proxy::credentials{"user", secret("password")};
  fuzz::check_machine(proxy::socks5(user, {"example.com", 80}), in, proxy::socks5::max_buffered);
  return 0;
}
