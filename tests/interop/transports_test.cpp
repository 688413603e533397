#include "../support/transport_tables.hpp"
#include "../support/tunnel_scenarios.hpp"
#include "both_ways.hpp"

#include <doctest/doctest.h>

#include <string>

namespace rathole::test {
namespace {

TEST_CASE("interop: noise, many visitors with each pattern") {
  for (const char* pattern :
       {"Noise_NK_25519_ChaChaPoly_BLAKE2s", "Noise_XX_25519_ChaChaPoly_BLAKE2s",
        "Noise_KK_25519_AESGCM_SHA256", "Noise_IK_25519_ChaChaPoly_BLAKE2b",
        "Noise_XK_25519_AESGCM_SHA512", "Noise_NX_25519_ChaChaPoly_BLAKE2s"})
    both_ways(scenario::crowd, noise(pattern));
}
TEST_CASE("interop: noise by openssl, many visitors with each cipher and hash function") {
  if (!has_feature("openssl")) return;
  for (const char* pattern :
       {"Noise_NK_25519_ChaChaPoly_BLAKE2s", "Noise_XX_25519_ChaChaPoly_SHA256",
        "Noise_KK_25519_AESGCM_BLAKE2b", "Noise_IK_25519_AESGCM_SHA512"}) {
    transport_tables by = noise(pattern);
    by.name += " by openssl";
    transport_tables our_server = by;
    our_server.server += engine_key("openssl");
    one_way(scenario::crowd, side::server, our_server);
    transport_tables our_client = by;
    our_client.client += engine_key("openssl");
    one_way(scenario::crowd, side::client, our_client);
  }
}
TEST_CASE("interop: noise, the service may answer after the visitor has ended its direction") {
  both_ways(scenario::half_close, noise("Noise_NK_25519_ChaChaPoly_BLAKE2s"));
}
TEST_CASE("interop: noise, the visitor may send after the service has ended its direction") {
  both_ways(scenario::service_ends_first, noise("Noise_NK_25519_ChaChaPoly_BLAKE2s"));
}
TEST_CASE("interop: websocket, many visitors") { both_ways(scenario::crowd, websocket()); }

/// Adds keys that upstream does not know to the table of our side.
struct tls_ends {
  std::string server;
  std::string client;
};

/// Runs a scenario with upstream at one end and each of our engines at the other.
void tls_both_ways(void (*scenario)(const pairing&), const tls_ends& ends, bool over_websocket) {
  for (const std::string& engine : tls_engines())
    for (const side ours : {side::server, side::client}) {
      const std::string own = engine_key(engine) + "half_close_timeout = 1\n";
      const std::string server = ends.server + (ours == side::server ? own : "");
      const std::string client = ends.client + (ours == side::client ? own : "");
      one_way(scenario, ours,
              over_websocket ? websocket_over_tls("websocket, tls by " + engine, server, client)
                             : tls("tls by " + engine, server, client));
    }
}

TEST_CASE("interop: tls, many visitors with each engine") {
  authority issuer;
  const tls_ends ends{pkcs12_keys(issuer.pack(issuer.issue())), trust_in(issuer)};
  tls_both_ways(scenario::crowd, ends, false);
}
TEST_CASE("interop: websocket over tls, many visitors with each engine") {
  authority issuer;
  const tls_ends ends{pkcs12_keys(issuer.pack(issuer.issue())), trust_in(issuer)};
  tls_both_ways(scenario::crowd, ends, true);
}
TEST_CASE("interop: tls, our server with each format of an identity") {
  authority issuer;
  const identity_files identity = issuer.issue();
  for (const std::string& engine : tls_engines())
    for (const std::string& keys :
         {pkcs12_keys(issuer.pack(identity, {"-legacy"})), pem_keys(identity)})
      one_way(scenario::echo_once, side::server,
              tls("tls by " + engine, keys + engine_key(engine), trust_in(issuer)));
}
TEST_CASE(
    "interop: the end of a stream is passed on at once by default, whichever side closes first") {
  authority issuer;
  const std::string server = pkcs12_keys(issuer.pack(issuer.issue()));
  const std::string client = trust_in(issuer);
  for (const transport_tables& by :
       {tcp(), noise("Noise_NK_25519_ChaChaPoly_BLAKE2s"), websocket(),
        tls("tls by default", server, client),
        websocket_over_tls("websocket over tls by default", server, client)}) {
    both_ways(scenario::ends_are_passed_on, by);
  }
}
TEST_CASE("interop: tls by openssl, half-closed connections") {
  if (tls_engines().size() == 1) return;
  authority issuer;
  const std::string server = pkcs12_keys(issuer.pack(issuer.issue()));
  for (const auto scenario : {scenario::half_close, scenario::service_ends_first}) {
    one_way(scenario, side::server,
            tls("tls by openssl", server + engine_key("openssl"), trust_in(issuer)));
    one_way(scenario, side::client,
            tls("tls by openssl", server, trust_in(issuer) + engine_key("openssl")));
  }
}

}  // namespace
}  // namespace rathole::test
