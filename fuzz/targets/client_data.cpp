#include "support/machine_laws.hpp"
#include "support/settings.hpp"

#include <rathole/protocol/client_data.hpp>

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  const protocol::client_data<> channel(protocol::session_key(fuzz::token(), fuzz::nonce()));
  fuzz::check_machine(channel, in, protocol::bincode::data_command_size);
  return 0;
}
