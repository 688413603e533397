#include "support/layer_conversation.hpp"
#include "support/layer_laws.hpp"
#include "support/tls_endpoints.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  switch (in.below(3)) {
    case 0: fuzz::check_layer(fuzz::make_tls_server, in); break;
    case 1: fuzz::check_layer(fuzz::make_tls_client, in); break;
    default: fuzz::check_exchange(fuzz::make_tls_client(), fuzz::make_tls_server(), in); break;
  }
  return 0;
}
