// expect: Codec
#include <rathole/protocol/bincode.hpp>
#include <rathole/protocol/server_greeting.hpp>

struct shortened : rathole::protocol::bincode {
#ifndef VALID
  static void encode_auth(const rathole::protocol::digest& session_key);
#endif
};

using greeting = rathole::protocol::server_greeting<shortened>;
