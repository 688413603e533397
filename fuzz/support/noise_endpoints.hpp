#pragma once

#include <rathole/noise/layer.hpp>
#include <rathole/noise/suites.hpp>

#include <cstdint>
#include <memory>

/// The two ends of Noise's default pattern, deterministic.
namespace rathole::fuzz {

inline crypto::dh_key equal_bytes(std::uint8_t byte) {
  crypto::dh_key out;
  out.fill(byte);
  return out;
}

inline noise::layer noise_layer(noise::role who) {
  static const auto name = *noise::parse_protocol_name("Noise_NK_25519_ChaChaPoly_BLAKE2s");
  const bool first = who == noise::role::initiator;
  using key_pair = crypto::botan::x25519_key_pair;
  noise::x25519_keys keys;
  keys.local_ephemeral = equal_bytes(first ? 0x22 : 0x44);
  if (first) keys.remote_static = key_pair(equal_bytes(0x33)).public_key();
  if (!first) keys.local_static = std::make_shared<const key_pair>(equal_bytes(0x33));
  static const noise::session_maker make_session = *noise::find_session_maker(name);
  return noise::layer(make_session(name, who, std::move(keys)));
}

/// The messages with which the other end completes the handshake, and a frame with one byte after
/// them.
inline byte_buffer noise_opening(noise::role who) {
  noise::layer client = noise_layer(noise::role::initiator);
  noise::layer server = noise_layer(noise::role::responder);
  byte_buffer from_client;
  byte_buffer from_server;
  byte_buffer app;
  static_cast<void>(client.start(from_client));
  static_cast<void>(server.start(from_server));
  static_cast<void>(server.receive(from_client.data(), app, from_server));
  byte_buffer unused;
  static_cast<void>(client.receive(from_server.data(), app, unused));
  const std::uint8_t byte = 0x5a;
  const bool first = who == noise::role::initiator;
  static_cast<void>((first ? server : client).send({&byte, 1}, first ? from_server : from_client));
  return first ? from_server : from_client;
}

}  // namespace rathole::fuzz
