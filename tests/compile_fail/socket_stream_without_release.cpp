// expect: s.release()
#include <rathole/io/relay/socket_relay.hpp>
#include <rathole/io/tcp/stream.hpp>

struct layered : rathole::io::tcp_stream {
#ifndef VALID
  void release() = delete;
#endif
};

static_assert(rathole::io::SocketStream<layered>);
