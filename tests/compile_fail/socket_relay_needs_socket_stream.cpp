// expect: SocketStream
#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/relay/socket_relay.hpp>
#include <rathole/io/tcp/stream.hpp>

struct layered : rathole::io::tcp_stream {
#ifndef VALID
  void release();
#endif
};

void make(rathole::io::asio_runtime runtime, rathole::io::tcp_stream a, layered b) {
  const rathole::io::socket_relay<rathole::io::asio_runtime> made(runtime, std::move(a),
                                                                  std::move(b));
}
