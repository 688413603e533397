// expect: SocketStream
#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/socket_relay.hpp>
#include <rathole/io/tcp_stream.hpp>

struct layered : rathole::io::tcp_stream {
#ifndef VALID
  void release();
#endif
};

void make(rathole::io::asio_runtime world, rathole::io::tcp_stream a, layered b) {
  const rathole::io::socket_relay<rathole::io::asio_runtime> made(world, std::move(a),
                                                                  std::move(b));
}
