#pragma once

#include "settings.hpp"
#include "simulated_peer.hpp"

#include <rathole/protocol/bincode.hpp>

#include <algorithm>
#include <cstdint>

/// The messages of honest peers, sent by simulated peers. A peer that already has another role
/// sends nothing.
namespace rathole::fuzz {

using protocol::bincode;

inline void say(simulated_peer& who, byte_view bytes) {
  if (who.part() == simulated_peer::role::recorder) who.send(bytes);
}

inline void say_hello(simulated_peer& who, const protocol::digest& digest) {
  say(who, bincode::encode_hello({protocol::hello_kind::control, digest}));
}

/// Returns the session key for the nonce that the server sent to `control`; another digest if it
/// has sent none.
inline protocol::digest key_of(const simulated_peer& control) {
  const auto hello = bincode::decode_hello(control.received());
  return protocol::session_key(token(), hello ? hello->digest : nonce());
}

/// Becomes a data channel of the control channel `control`, with an echo service.
inline void open_channel(simulated_peer& who, const simulated_peer& control) {
  say(who, bincode::encode_hello({protocol::hello_kind::data, key_of(control)}));
  who.take_part(simulated_peer::role::echo, bincode::data_command_size);
}

/// Becomes a visitor whose server has received the client's data Hello, or will soon.
inline void start_traffic(simulated_peer& who) {
  if (who.has_sent()) return;
  who.take_part(simulated_peer::role::visitor, bincode::hello_size);
  who.send(bincode::encode_data_command(protocol::data_command::start_forward_tcp));
}

/// Sends a visitor's next `count` bytes.
inline void send_traffic(simulated_peer& who, std::size_t count) {
  if (who.part() == simulated_peer::role::visitor) who.send_pattern(count);
}

}  // namespace rathole::fuzz
