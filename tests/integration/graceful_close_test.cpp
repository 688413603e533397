#include "../support/serving_tunnel.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

TEST_CASE("shutdown: a program that stops closes its connections in order, with every transport") {
  authority issuer;
  const std::string server_keys = pem_keys(issuer.issue());
  std::vector<transport_tables> all = {tcp(), noise("Noise_NK_25519_ChaChaPoly_BLAKE2s"),
                                       websocket()};
  for (const std::string& engine : tls_engines()) {
    // Botan 2 cannot announce the end of one direction alone, so its layer postpones it.
    if (engine == "botan") continue;
    const std::string key = engine_key(engine);
    all.push_back(tls("tls " + engine, server_keys + key, trust_in(issuer) + key));
    all.push_back(websocket_over_tls("wss " + engine, server_keys + key, trust_in(issuer) + key));
  }
  for (const transport_tables& by : all) {
    CAPTURE(by.name);
    serving_tunnel t(by, "");
    t.both.client->signal(SIGTERM);
    CHECK(t.both.client->wait_exit() == 0);
    CHECK(t.both.server->wait_for("Control channel shutdown"));
    CHECK(t.both.server->output().find("ended without notice") == std::string::npos);
    t.both.start_client();
    REQUIRE(eventually([&] { return round_trip(t.port); }));
    t.both.server->signal(SIGTERM);
    CHECK(t.both.server->wait_exit() == 0);
    INFO(t.both.logs());
    CHECK(t.both.client->wait_for("Control channel shutdown: the server closed the connection"));
    CHECK(t.both.client->output().find("WARN handle") == std::string::npos);
  }
}

}  // namespace
}  // namespace rathole::test
