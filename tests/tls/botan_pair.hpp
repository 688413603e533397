#pragma once

#include "certificates.hpp"
#include "conversation.hpp"

#include <rathole/sim/seeded_rng.hpp>
#include <rathole/tls/botan/engine.hpp>
#include <rathole/tls/layer.hpp>

#include <chrono>
#include <memory>
#include <string_view>

namespace rathole::test {

using botan_layer = tls::layer<tls::botan_engine>;

inline constexpr duration half_close_timeout = std::chrono::seconds(10);

/// Returns the root that issues the tests' certificates.
inline const tls::identity& test_root() {
  static const tls::identity made = make_authority("Root of tests");
  return made;
}

/// Returns an identity issued by it, for `server.test` and 127.0.0.1.
inline const tls::identity& test_server() {
  static const tls::identity made = issued_by(test_root(), {.ip = "127.0.0.1"});
  return made;
}

/// A deterministic random number generator.
inline tls::shared_rng scripted_botan_rng(std::uint64_t seed) {
  return std::make_shared<tls::botan_rng<sim::seeded_rng>>(sim::seeded_rng(seed));
}

inline botan_layer botan_client(const tls::botan_engine::client_setup& setup,
                                std::string_view host = "server.test") {
  return {*tls::botan_engine::client(setup, host), half_close_timeout};
}
inline botan_layer botan_client() {
  return botan_client(
      *tls::botan_engine::client_setup::make(trust_in(test_root()), scripted_botan_rng(1)));
}
inline botan_layer botan_server(const tls::botan_engine::server_setup& setup) {
  return {*tls::botan_engine::server(setup), half_close_timeout};
}
inline botan_layer botan_server() {
  return botan_server(*tls::botan_engine::server_setup::make(test_server(), scripted_botan_rng(2)));
}

/// A client and a server that have begun their handshake.
struct botan_pair {
  botan_pair(botan_layer one, botan_layer other)
      : client(std::move(one)), server(std::move(other)) {
    client.start();
    server.start();
  }
  botan_pair() : botan_pair(botan_client(), botan_server()) {}

  party<botan_layer> client;
  party<botan_layer> server;
};

}  // namespace rathole::test
