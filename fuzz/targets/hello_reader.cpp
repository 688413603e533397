#include "support/machine_laws.hpp"

#include <rathole/protocol/hello_reader.hpp>

using namespace rathole;
using namespace std::chrono_literals;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  const protocol::hello_reader<> reader(fuzz::start + 5s);
  fuzz::check_machine(reader, in, protocol::bincode::hello_size);
  return 0;
}
