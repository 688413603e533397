// expect: Codec
#include <rathole/protocol/bincode.hpp>
#include <rathole/protocol/hello_reader.hpp>

struct shortened : rathole::protocol::bincode {
#ifndef VALID
  static void encode_auth(const rathole::protocol::digest& session_key);
#endif
};

using reader = rathole::protocol::hello_reader<shortened>;
