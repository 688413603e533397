// Measures Noise with messages of 16 KiB, encrypted and decrypted by the layer, and by the bare
// cipher in place.

#include <rathole/noise/layer.hpp>
#include <rathole/noise/suites.hpp>

#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using namespace rathole;

constexpr std::size_t message_size = 16 * 1024;

noise::layer make(const char* name, noise::role who) {
  const auto parsed = *noise::parse_protocol_name(name);
  noise::handshake_keys keys;
  keys.local_ephemeral.fill(who == noise::role::initiator ? 1 : 2);
  return noise::layer(noise::make_session(parsed, who, std::move(keys)));
}

void through_layer(benchmark::State& state, const char* name) {
  noise::layer client = make(name, noise::role::initiator);
  noise::layer server = make(name, noise::role::responder);
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

void noise_chachapoly_layer(benchmark::State& state) {
  through_layer(state, "Noise_NN_25519_ChaChaPoly_BLAKE2s");
}
void noise_aesgcm_layer(benchmark::State& state) {
  through_layer(state, "Noise_NN_25519_AESGCM_SHA256");
}
void noise_chachapoly_bare(benchmark::State& state) {
  bare<crypto::botan::chacha20_poly1305>(state);
}
void noise_aesgcm_bare(benchmark::State& state) { bare<crypto::botan::aes256_gcm>(state); }

BENCHMARK(noise_chachapoly_bare);
BENCHMARK(noise_chachapoly_layer);
BENCHMARK(noise_aesgcm_bare);
BENCHMARK(noise_aesgcm_layer);

}  // namespace
