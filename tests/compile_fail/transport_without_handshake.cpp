// expect: t.handshake(std::move(accepted), deadline, stop)
#include <rathole/io/asio_runtime.hpp>
#include <rathole/transport/tcp.hpp>

struct incomplete_transport : rathole::transport::tcp<rathole::io::asio_runtime> {
  incomplete_transport at(rathole::io::asio_runtime runtime);
#ifndef VALID
  void handshake() = delete;
#endif
};

static_assert(rathole::transport::Transport<incomplete_transport>);
