// expect: misspelt_ended
// expect: takes a type that is no event
#include <rathole/client/client.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/transport/tcp.hpp>

struct misspelt_ended {};

struct observer {
  void on(const rathole::client_side::forward_started&);
#ifndef VALID
  void on(const misspelt_ended&);
#endif
};

using transport = rathole::transport::tcp<rathole::io::asio_runtime>;

void run(transport through, observer& to) {
  rathole::client_side::basic_client<transport, observer>(std::move(through), {}, to);
}
