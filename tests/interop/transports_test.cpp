#include "../support/carriage.hpp"
#include "../support/tunnel_scenarios.hpp"
#include "both_ways.hpp"

#include <doctest/doctest.h>

#include <string>

namespace rathole::test {
namespace {

TEST_CASE("interop: noise, a crowd of visitors under each pattern") {
  for (const char* pattern :
       {"Noise_NK_25519_ChaChaPoly_BLAKE2s", "Noise_XX_25519_ChaChaPoly_BLAKE2s",
        "Noise_KK_25519_AESGCM_SHA256", "Noise_IK_25519_ChaChaPoly_BLAKE2b",
        "Noise_XK_25519_AESGCM_SHA512", "Noise_NX_25519_ChaChaPoly_BLAKE2s"})
    both_ways(scenario::crowd, noise(pattern));
}
TEST_CASE("interop: noise, the service answers after the visitor's end") {
  both_ways(scenario::half_close, noise("Noise_NK_25519_ChaChaPoly_BLAKE2s"));
}
TEST_CASE("interop: noise, the visitor speaks after the service's end") {
  both_ways(scenario::service_ends_first, noise("Noise_NK_25519_ChaChaPoly_BLAKE2s"));
}
TEST_CASE("interop: websocket, a crowd of visitors") { both_ways(scenario::crowd, websocket()); }

}  // namespace
}  // namespace rathole::test
