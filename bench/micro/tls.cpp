// Measures TLS by Botan: records encrypted by one end and decrypted by the other, through the layer
// and by the bare channels, and whole handshakes.

#if RATHOLE_WITH_TLS

#include "allocations.hpp"

#include <rathole/tls/botan/engine.hpp>
#include <rathole/tls/layer.hpp>

#include <benchmark/benchmark.h>
#include <botan/auto_rng.h>
#include <botan/ecdsa.h>
#include <botan/x509self.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace rathole;
using layer = tls::layer<tls::botan_engine>;

tls::identity make_identity() {
  Botan::AutoSeeded_RNG rng;
#if BOTAN_VERSION_MAJOR >= 3
  const Botan::ECDSA_PrivateKey key(rng, Botan::EC_Group::from_name("secp256r1"));
#else
  const Botan::ECDSA_PrivateKey key(rng, Botan::EC_Group("secp256r1"));
#endif
  const Botan::X509_Cert_Options options("server.test");
  const auto certificate = Botan::X509::create_self_signed_cert(options, key, "SHA-256", rng);
  const auto der = Botan::PKCS8::BER_encode(key);
  return {.private_key = secret(std::string(der.begin(), der.end())),
          .certificates = {certificate.BER_encode()}};
}

const tls::identity& identity() {
  static const tls::identity made = make_identity();
  return made;
}

tls::botan_client_setup client_setup() {
  return *tls::botan_client_setup::make({.roots = identity().certificates, .system_roots = false});
}
tls::botan_server_setup server_setup() { return *tls::botan_server_setup::make(identity()); }

void must(bool holds) {
  if (!holds) std::abort();
}

// Two ends of the layer.
struct layers {
  layers(const tls::botan_client_setup& one, const tls::botan_server_setup& other)
      : client(*tls::botan_engine::client(one, "server.test"), std::chrono::seconds(1)),
        server(*tls::botan_engine::server(other), std::chrono::seconds(1)) {
    must(client.start(to_server).has_value() && server.start(to_client).has_value());
    while (!to_server.empty() || !to_client.empty()) {
      deliver(to_server, server, to_client);
      deliver(to_client, client, to_server);
    }
    must(client.state() == phase::open && server.state() == phase::open);
  }

  void deliver(byte_buffer& bytes, layer& to, byte_buffer& replies) {
    must(to.receive(bytes.data(), app, replies).has_value());
    bytes.clear();
  }
  void carry(byte_view in) {
    must(client.send(in, to_server).has_value());
    deliver(to_server, server, to_client);
    must(app.size() == in.size());
    app.clear();
  }

  layer client;
  layer server;
  byte_buffer to_server;
  byte_buffer to_client;
  byte_buffer app;
};

// Two bare channels with the same settings.
struct callbacks final : Botan::TLS::Callbacks {
#if BOTAN_VERSION_MAJOR >= 3
  void tls_emit_data(std::span<const std::uint8_t> in) override { wire.append(in); }
  void tls_record_received(std::uint64_t, std::span<const std::uint8_t> in) override {
    app.append(in);
  }
  void tls_verify_cert_chain(const std::vector<Botan::X509_Certificate>&,
                             const std::vector<std::optional<Botan::OCSP::Response>>&,
                             const std::vector<Botan::Certificate_Store*>&, Botan::Usage_Type,
                             std::string_view, const Botan::TLS::Policy&) override {}
#else
  void tls_emit_data(const std::uint8_t in[], std::size_t size) override {
    wire.append({in, size});
  }
  void tls_record_received(std::uint64_t, const std::uint8_t in[], std::size_t size) override {
    app.append({in, size});
  }
  bool tls_session_established(const Botan::TLS::Session&) override { return true; }
  void tls_verify_cert_chain(const std::vector<Botan::X509_Certificate>&,
                             const std::vector<std::shared_ptr<const Botan::OCSP::Response>>&,
                             const std::vector<Botan::Certificate_Store*>&, Botan::Usage_Type,
                             const std::string&, const Botan::TLS::Policy&) override {}
#endif
  void tls_alert(Botan::TLS::Alert) override {}

  byte_buffer wire;
  byte_buffer app;
};

struct channels {
  channels(const tls::botan_client_setup& one, const tls::botan_server_setup& other) {
    const auto& c = *one.shared();
    const auto& s = *other.shared();
#if BOTAN_VERSION_MAJOR >= 3
    server =
        std::make_unique<Botan::TLS::Server>(at_server, s.sessions, s.credentials, s.policy, s.rng);
    client = std::make_unique<Botan::TLS::Client>(at_client, c.sessions, c.credentials, c.policy,
                                                  c.rng, "server.test");
#else
    server = std::make_unique<Botan::TLS::Server>(*at_server, *s.sessions, *s.credentials,
                                                  *s.policy, *s.rng);
    client =
        std::make_unique<Botan::TLS::Client>(*at_client, *c.sessions, *c.credentials, *c.policy,
                                             *c.rng, Botan::TLS::Server_Information("server.test"));
#endif
    while (!at_client->wire.empty() || !at_server->wire.empty()) {
      deliver(*at_client, *server);
      deliver(*at_server, *client);
    }
    must(client->is_active() && server->is_active());
  }

  static void deliver(callbacks& from, Botan::TLS::Channel& to) {
    byte_buffer bytes;
    bytes.swap(from.wire);
    to.received_data(bytes.data().data(), bytes.size());
  }
  void carry(byte_view in) {
    client->send(in.data(), in.size());
    server->received_data(at_client->wire.data().data(), at_client->wire.size());
    at_client->wire.clear();
    must(at_server->app.size() == in.size());
    at_server->app.clear();
  }

  std::shared_ptr<callbacks> at_client = std::make_shared<callbacks>();
  std::shared_ptr<callbacks> at_server = std::make_shared<callbacks>();
  std::unique_ptr<Botan::TLS::Channel> client;
  std::unique_ptr<Botan::TLS::Channel> server;
};

template <class Ends>
void tls_carry(benchmark::State& state) {
  Ends ends(client_setup(), server_setup());
  const std::vector<std::uint8_t> bytes(static_cast<std::size_t>(state.range(0)), 'x');
  for (int i = 0; i < 10; ++i) ends.carry(bytes);
  const std::uint64_t before = bench::allocations();
  for (auto _ : state) ends.carry(bytes);
  state.SetBytesProcessed(state.iterations() * state.range(0));
  state.counters["allocations"] = benchmark::Counter(
      static_cast<double>(bench::allocations() - before), benchmark::Counter::kAvgIterations);
}

BENCHMARK_TEMPLATE(tls_carry, channels)->Arg(64)->Arg(16 * 1024)->Arg(64 * 1024);
BENCHMARK_TEMPLATE(tls_carry, layers)->Arg(64)->Arg(16 * 1024)->Arg(64 * 1024);

// The sessions of one client are resumed, if it is the same client each time.
template <class Ends>
void tls_handshake(benchmark::State& state) {
  const auto server = server_setup();
  auto client = client_setup();
  for (auto _ : state) {
    if (state.range(0) == 0) client = client_setup();
    Ends ends(client, server);
  }
}

BENCHMARK_TEMPLATE(tls_handshake, channels)->ArgName("resumed")->Arg(0)->Arg(1);
BENCHMARK_TEMPLATE(tls_handshake, layers)->ArgName("resumed")->Arg(0)->Arg(1);

}  // namespace

#endif
