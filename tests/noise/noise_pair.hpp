#pragma once

#include "../support/bytes.hpp"

#include <rathole/crypto/botan/x25519.hpp>
#include <rathole/noise/context.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::test {

inline constexpr const char* default_noise = "Noise_NK_25519_ChaChaPoly_BLAKE2s";

/// 32 equal bytes.
inline crypto::dh_key equal_bytes(std::uint8_t byte) {
  crypto::dh_key out;
  out.fill(byte);
  return out;
}
inline crypto::dh_key public_of(std::uint8_t byte) {
  return crypto::botan::x25519_key_pair(equal_bytes(byte)).public_key();
}

/// Returns the keys of the examples: 11 and 22 of the initiator, 33 and 44 of the responder. Each
/// side knows exactly the keys of the other that the pattern requires.
inline noise::x25519_keys example_keys(const noise::handshake_pattern& pattern, noise::role who) {
  const bool first = who == noise::role::initiator;
  noise::x25519_keys out;
  out.local_static =
      std::make_shared<const crypto::botan::x25519_key_pair>(equal_bytes(first ? 0x11 : 0x33));
  out.local_ephemeral = equal_bytes(first ? 0x22 : 0x44);
  if (first && pattern.responder_is_known) out.remote_static = public_of(0x33);
  if (!first && pattern.initiator_is_known) out.remote_static = public_of(0x11);
  std::uint8_t psk = 0x55;
  for (const auto& message : pattern.messages) {
    for (const noise::token each : message) {
      if (each != noise::token::psk) continue;
      out.psks.push_back(equal_bytes(psk));
      psk = static_cast<std::uint8_t>(psk + 0x11);
    }
  }
  return out;
}

inline noise::layer example_layer(const char* name, noise::role who,
                                  noise::engine by = noise::engine::botan) {
  const auto parsed = noise::parse_protocol_name(name);
  const noise::session_maker make_session = *noise::find_session_maker(*parsed, by);
  return noise::layer(make_session(*parsed, who, example_keys(parsed->pattern, who)));
}

/// The engines of the two ends of a conversation.
struct engine_pair {
  noise::engine client = noise::engine::botan;
  noise::engine server = noise::engine::botan;
  const char* text = "Botan, Botan";
};

/// Returns every pair of the engines of this build.
inline std::vector<engine_pair> engine_pairs() {
  using enum noise::engine;
  std::vector<engine_pair> out(1);
#if RATHOLE_WITH_OPENSSL
  out.push_back({botan, openssl, "Botan, OpenSSL"});
  out.push_back({openssl, botan, "OpenSSL, Botan"});
  out.push_back({openssl, openssl, "OpenSSL, OpenSSL"});
#endif
  return out;
}

/// One end of a conversation.
struct noise_end {
  explicit noise_end(noise::layer made) : layer(std::move(made)) { note(layer.start(wire)); }

  void note(const result<void>& done) {
    if (!done && !error) error = done.error();
  }
  void receive(byte_view in) { note(layer.receive(in, app, wire)); }
  void send(std::string_view in) { note(layer.send(text(in), wire)); }
  [[nodiscard]] std::string received() const { return {app.data().begin(), app.data().end()}; }

  noise::layer layer;
  byte_buffer wire = {};
  byte_buffer app = {};
  std::error_code error = {};
};

/// Passes the output of each end to the other until neither has any.
inline void settle(noise_end& a, noise_end& b) {
  while (!a.wire.empty() || !b.wire.empty()) {
    byte_buffer output;
    output.swap(a.wire);
    b.receive(output.data());
    output.clear();
    output.swap(b.wire);
    a.receive(output.data());
  }
}

struct noise_pair {
  explicit noise_pair(const char* name = default_noise, engine_pair by = {})
      : client(example_layer(name, noise::role::initiator, by.client)),
        server(example_layer(name, noise::role::responder, by.server)) {}
  noise_end client;
  noise_end server;
};

}  // namespace rathole::test
