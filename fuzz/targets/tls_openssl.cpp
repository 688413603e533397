#define OPENSSL_API_COMPAT 0x10100000L

#include "support/layer_conversation.hpp"
#include "support/layer_laws.hpp"
#include "support/openssl_endpoints.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  switch (in.below(3)) {
    case 0: fuzz::check_layer(fuzz::make_openssl_server, in); break;
    case 1: fuzz::check_layer(fuzz::make_openssl_client, in); break;
    default:
      fuzz::check_exchange(fuzz::make_openssl_client(), fuzz::make_openssl_server(), in);
      break;
  }
  return 0;
}
