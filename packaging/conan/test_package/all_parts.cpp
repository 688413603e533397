// Prints which parts the package has.
#include <rathole/transport/missing_part.hpp>
#include <rathole/transport/prepare.hpp>

#include <cstdio>

int main() {
  namespace built_in = rathole::transport::built_in;
  std::printf("noise %d, tls %d, openssl %d, websocket %d\n", built_in::noise, built_in::tls,
              built_in::openssl, built_in::websocket);
  return rathole::transport::prepare(rathole::config::client()) ? 0 : 1;
}
