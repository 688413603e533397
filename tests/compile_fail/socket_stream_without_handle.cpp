// expect: SocketStream
#include <rathole/io/socket_pump.hpp>
#include <rathole/io/tcp_stream.hpp>

struct layered : rathole::io::tcp_stream {
#ifndef VALID
  void native_handle();
#endif
};

using pump = rathole::io::socket_pump<rathole::io::tcp_stream, layered>;

std::size_t size(const pump* p) { return sizeof(*p); }
