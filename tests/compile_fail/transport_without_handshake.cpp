// expect: Transport
#include <rathole/io/asio_runtime.hpp>
#include <rathole/transport/tcp.hpp>

struct incomplete_transport : rathole::transport::tcp<rathole::io::asio_runtime> {
  incomplete_transport at(rathole::io::asio_runtime runtime);
#ifndef VALID
  void handshake();
#endif
};

void serve(rathole::transport::Transport auto& transport);

void run(incomplete_transport& transport) { serve(transport); }
