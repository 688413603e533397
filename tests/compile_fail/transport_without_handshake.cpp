// expect: Transport
#include <rathole/io/asio_runtime.hpp>
#include <rathole/transport/tcp.hpp>

struct rude : rathole::transport::tcp<rathole::io::asio_runtime> {
  rude at(rathole::io::asio_runtime runtime);
#ifndef VALID
  void handshake();
#endif
};

void serve(rathole::transport::Transport auto& transport);

void run(rude& transport) { serve(transport); }
