// expect: t.close()
#include <rathole/io/asio_runtime.hpp>
#include <rathole/transport/multiplexed.hpp>
#include <rathole/transport/tcp.hpp>

using shared = rathole::transport::multiplexed<rathole::transport::tcp<rathole::io::asio_runtime>>;

struct endless_transport : shared {
  endless_transport at(rathole::io::asio_runtime runtime);
#ifndef VALID
  void close() = delete;
#endif
};

static_assert(rathole::transport::Multiplexing<endless_transport>);
