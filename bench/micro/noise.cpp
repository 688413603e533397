// Measures Noise with messages of 16 KiB, encrypted and decrypted by the layer, and by the bare
// cipher in place, with each engine.

#include <rathole/noise/layer.hpp>
#include <rathole/noise/suites.hpp>

#if RATHOLE_WITH_OPENSSL
#include <rathole/crypto/openssl/aead.hpp>
#endif

#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using namespace rathole;

constexpr std::size_t message_size = 16 * 1024;

noise::layer make(const char* name, noise::engine by, noise::role who) {
  const auto parsed = *noise::parse_protocol_name(name);
  noise::x25519_keys keys;
  keys.local_ephemeral.fill(who == noise::role::initiator ? 1 : 2);
  const noise::session_maker make_session = *noise::find_session_maker(parsed, by);
  return noise::layer(make_session(parsed, who, std::move(keys)));
}

void through_layer(benchmark::State& state, const char* name, noise::engine by) {
  noise::layer client = make(name, by, noise::role::initiator);
  noise::layer server = make(name, by, noise::role::responder);
  byte_buffer forth;
  byte_buffer back;
  byte_buffer app;
  static_cast<void>(client.start(forth));
  static_cast<void>(server.receive(forth.data(), app, back));
  static_cast<void>(client.receive(back.data(), app, forth));
  const std::vector<std::uint8_t> message(message_size, 0x5a);
  for (auto _ : state) {
    forth.clear();
    app.clear();
    if (!client.send(message, forth) || !server.receive(forth.data(), app, back)) {
      state.SkipWithError("not carried");
    }
    benchmark::DoNotOptimize(app.data().data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(message_size));
}

template <class A>
void bare(benchmark::State& state) {
  A sealing;
  A opening;
  const noise::symmetric_key key{1};
  sealing.set_key(key);
  opening.set_key(key);
  std::vector<std::uint8_t> message(message_size, 0x5a);
  std::array<std::uint8_t, crypto::aead_nonce_size> nonce{};
  std::array<std::uint8_t, crypto::aead_tag_size> tag;
  for (auto _ : state) {
    ++nonce[0];
    sealing.seal(nonce, {}, message, tag);
    if (!opening.open(nonce, {}, message, tag)) state.SkipWithError("not opened");
    benchmark::DoNotOptimize(message.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(message_size));
}

constexpr const char* chachapoly = "Noise_NN_25519_ChaChaPoly_BLAKE2s";
constexpr const char* aesgcm = "Noise_NN_25519_AESGCM_SHA256";

BENCHMARK_TEMPLATE(bare, crypto::botan::chacha20_poly1305);
BENCHMARK_CAPTURE(through_layer, chachapoly_botan, chachapoly, noise::engine::botan);
BENCHMARK_TEMPLATE(bare, crypto::botan::aes256_gcm);
BENCHMARK_CAPTURE(through_layer, aesgcm_botan, aesgcm, noise::engine::botan);
#if RATHOLE_WITH_OPENSSL
BENCHMARK_TEMPLATE(bare, crypto::openssl::chacha20_poly1305);
BENCHMARK_CAPTURE(through_layer, chachapoly_openssl, chachapoly, noise::engine::openssl);
BENCHMARK_TEMPLATE(bare, crypto::openssl::aes256_gcm);
BENCHMARK_CAPTURE(through_layer, aesgcm_openssl, aesgcm, noise::engine::openssl);
#endif

}  // namespace
