#pragma once

#include "settings.hpp"
#include "simulated_peer.hpp"

#include <rathole/protocol/bincode.hpp>

#include <algorithm>
#include <cstdint>

/// What honest peers say, as lines for actors. One that has another part already says nothing.
namespace rathole::fuzz {

using protocol::bincode;

inline void say(simulated_peer& who, byte_view bytes) {
  if (who.part() == simulated_peer::role::witness) who.send(bytes);
}

inline void say_hello(simulated_peer& who, const protocol::digest& digest) {
  say(who, bincode::encode_hello({protocol::hello_kind::control, digest}));
}

/// The session key that belongs to the nonce that the server sent to `control`; some other digest
/// if it has sent none.
inline protocol::digest key_of(const simulated_peer& control) {
  const auto hello = bincode::decode_hello(control.heard());
  return protocol::session_key(token(), hello ? hello->digest : nonce());
}

/// Becomes a data channel of the control channel `control`, with an echo behind it.
inline void open_channel(simulated_peer& who, const simulated_peer& control) {
  say(who, bincode::encode_hello({protocol::hello_kind::data, key_of(control)}));
  who.take_part(simulated_peer::role::echo, bincode::data_command_size);
}

/// Becomes a visitor that came through a server, which has the client's data Hello already or soon.
inline void start_traffic(simulated_peer& who) {
  if (who.has_spoken()) return;
  who.take_part(simulated_peer::role::visitor, bincode::hello_size);
  who.send(bincode::encode_data_command(protocol::data_command::start_forward_tcp));
}

/// A visitor's next `count` bytes.
inline void talk(simulated_peer& who, std::size_t count) {
  if (who.part() == simulated_peer::role::visitor) who.send_pattern(count);
}

}  // namespace rathole::fuzz
