// expect: SocketStream
#include <rathole/io/socket_relay.hpp>
#include <rathole/io/tcp_stream.hpp>

struct layered : rathole::io::tcp_stream {
#ifndef VALID
  void release();
#endif
};

void make(rathole::io::executor ex, rathole::io::tcp_stream a, layered b) {
  const rathole::io::socket_relay made(ex, std::move(a), std::move(b));
}
