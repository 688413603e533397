#pragma once

#include "botan_pair.hpp"

#include <rathole/tls/openssl/engine.hpp>

#include <concepts>
#include <string_view>

namespace rathole::test {

using tls::botan_engine, tls::openssl_engine;

/// A client of one engine and a server of another, or of the same.
template <class C, class S>
struct engines {
  using client_engine = C;
  using server_engine = S;
  using client_party = party<tls::layer<C>>;
  using server_party = party<tls::layer<S>>;

  static constexpr bool half_closes =
      BOTAN_VERSION_MAJOR >= 3 ||
      (std::same_as<C, openssl_engine> && std::same_as<S, openssl_engine>);

  engines(const typename C::client_setup& one, const typename S::server_setup& other,
          std::string_view host = "server.test")
      : client({*C::client(one, host), half_close_timeout}),
        server({*S::server(other), half_close_timeout}) {
    client.start();
    server.start();
  }
  engines()
      : engines(*C::client_setup::make(trust_in(test_root())),
                *S::server_setup::make(test_server())) {}

  void exchange() {
    settle(client, server);
    client.send("forth");
    server.send("back");
    settle(client, server);
  }

  client_party client;
  server_party server;
};

using both_openssl = engines<openssl_engine, openssl_engine>;
using botan_to_openssl = engines<botan_engine, openssl_engine>;
using openssl_to_botan = engines<openssl_engine, botan_engine>;

}  // namespace rathole::test
