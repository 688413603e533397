// expect: encode_auth(session_key)
#include <rathole/protocol/bincode.hpp>

struct shortened : rathole::protocol::bincode {
#ifndef VALID
  static void encode_auth(const rathole::protocol::digest& session_key) = delete;
#endif
};

static_assert(rathole::protocol::Codec<shortened>);
