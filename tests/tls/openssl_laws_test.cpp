#include "../support/layer_laws.hpp"
#include "botan_pair.hpp"

#include <rathole/tls/openssl/engine.hpp>

namespace rathole {
namespace {

namespace laws = test::layer_laws;
using tls::openssl_engine;
using openssl_layer = tls::layer<openssl_engine>;

openssl_layer make_client() {
  static const auto setup = *openssl_engine::client_setup::make(test::trust_in(test::test_root()));
  return {*openssl_engine::client(setup, "server.test"), test::half_close_timeout};
}

openssl_layer make_server() {
  static const auto setup = *openssl_engine::server_setup::make(test::test_server());
  return {*openssl_engine::server(setup), test::half_close_timeout};
}

TEST_CASE("tls layer with OpenSSL: the laws of layers") {
  RATHOLE_PROPERTY("all laws", [] {
    laws::check(make_client, make_server, {.reproducible = false, .authenticated = true});
  });
}

}  // namespace
}  // namespace rathole
