// Checks that whatever decodes is encoded as the same bytes, so no two encodings mean the same, and
// that a message needs all of its bytes.

#include "support/canonical.hpp"
#include "support/fuzz_input.hpp"

#include <rathole/protocol/bincode.hpp>

using namespace rathole;
using protocol::bincode;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const byte_view in = fuzz::fuzz_input(data, size).rest();
  fuzz::check_canonical(in, bincode::decode_hello, bincode::encode_hello);
  fuzz::check_canonical(in, bincode::decode_auth, bincode::encode_auth);
  fuzz::check_canonical(in, bincode::decode_ack, bincode::encode_ack);
  fuzz::check_canonical(in, bincode::decode_control_command, bincode::encode_control_command);
  fuzz::check_canonical(in, bincode::decode_data_command, bincode::encode_data_command);
  return 0;
}
