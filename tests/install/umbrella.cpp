#include <rathole/rathole.hpp>

#include <asio/io_context.hpp>

int main() {
  asio::io_context context(1);
  rathole::transport::tcp tunnel(rathole::io::asio_runtime(context), {});
  context.run();
  return context.stopped() ? 0 : 1;
}
