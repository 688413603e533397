#include "support/machine_laws.hpp"

#include <rathole/protocol/server_greeting.hpp>

using namespace rathole;
using namespace std::chrono_literals;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::script in(data, size);
  const protocol::server_greeting<> greeting(fuzz::start + 5s);
  fuzz::check_machine(greeting, in, protocol::bincode::hello_size);
  return 0;
}
