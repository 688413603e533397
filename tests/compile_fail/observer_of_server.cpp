// expect: misspelt_ended
// expect: takes a type that is no event
#include <rathole/io/asio_runtime.hpp>
#include <rathole/server/server.hpp>
#include <rathole/transport/tcp.hpp>

struct misspelt_ended {};

struct observer {
  void on(const rathole::server_side::forward_started&);
#ifndef VALID
  void on(const misspelt_ended&);
#endif
};

using transport = rathole::transport::tcp<rathole::io::asio_runtime>;

void run(transport through, observer& to) {
  rathole::server_side::basic_server<transport, observer>(std::move(through), {}, to);
}
