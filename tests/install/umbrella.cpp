#include <rathole/core/error.hpp>

#include <asio/io_context.hpp>

int main() {
  asio::io_context context;
  return make_error_code(rathole::errc::stopped).value() == 1 ? 0 : 1;
}
