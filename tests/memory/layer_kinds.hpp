#pragma once

#include "noise/noise_pair.hpp"
#include "tls/botan_pair.hpp"

#include <rathole/core/any_layer.hpp>
#include <rathole/core/stacked_layer.hpp>
#include <rathole/tls/openssl/engine.hpp>
#include <rathole/websocket/layer.hpp>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace rathole::test {

/// Makes both ends of a layer of the product.
struct layer_kind {
  std::string name;
  std::function<any_layer()> client;
  std::function<any_layer()> server;
};

/// Returns every layer of the product, and WebSocket over TLS.
inline std::vector<layer_kind> layer_kinds() {
  using tls::botan_engine, tls::openssl_engine;
  const auto openssl_client = [] {
    static const auto setup = *openssl_engine::client_setup::make(trust_in(test_root()));
    return tls::layer<openssl_engine>(*openssl_engine::client(setup, "server.test"),
                                      half_close_timeout);
  };
  const auto openssl_server = [] {
    static const auto setup = *openssl_engine::server_setup::make(test_server());
    return tls::layer<openssl_engine>(*openssl_engine::server(setup), half_close_timeout);
  };
  const auto websocket_client = [] { return websocket::layer<>::client({.host = "server.test"}); };
  const auto websocket_server = [] { return websocket::layer<>::server({}); };
  std::vector<layer_kind> out;
  out.push_back({"tls, Botan", [] { return any_layer::of(botan_client()); },
                 [] { return any_layer::of(botan_server()); }});
  out.push_back({"tls, OpenSSL", [=] { return any_layer::of(openssl_client()); },
                 [=] { return any_layer::of(openssl_server()); }});
  out.push_back(
      {"noise", [] { return any_layer::of(example_layer(default_noise, noise::role::initiator)); },
       [] { return any_layer::of(example_layer(default_noise, noise::role::responder)); }});
  const auto noise_by_openssl = [](noise::role who) {
    return any_layer::of(example_layer(default_noise, who, noise::engine::openssl));
  };
  out.push_back({"noise, OpenSSL", [=] { return noise_by_openssl(noise::role::initiator); },
                 [=] { return noise_by_openssl(noise::role::responder); }});
  out.push_back({"websocket", [=] { return any_layer::of(websocket_client()); },
                 [=] { return any_layer::of(websocket_server()); }});
  out.push_back(
      {"websocket on tls",
       [=] { return any_layer::of(stacked_layer(websocket_client(), openssl_client())); },
       [=] { return any_layer::of(stacked_layer(websocket_server(), openssl_server())); }});
  return out;
}

/// Both ends of a layer after their handshake.
inline std::pair<any_layer, any_layer> opened(const layer_kind& kind) {
  any_layer client = kind.client();
  any_layer server = kind.server();
  byte_buffer to_client;
  byte_buffer to_server;
  byte_buffer app;
  (void)client.start(to_server);
  (void)server.start(to_client);
  while (!to_server.empty() || !to_client.empty()) {
    byte_buffer in;
    in.swap(to_server);
    if (!in.empty()) (void)server.receive(in.data(), app, to_client);
    in.clear();
    in.swap(to_client);
    if (!in.empty()) (void)client.receive(in.data(), app, to_server);
  }
  return {std::move(client), std::move(server)};
}

}  // namespace rathole::test
