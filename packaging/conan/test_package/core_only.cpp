#include <rathole/core/byte_buffer.hpp>
#include <rathole/version.hpp>

#include <cstdio>

int main() {
  const rathole::byte_buffer buffer;
  std::printf("rathole %s\n", rathole::version.data());
  return buffer.empty() ? 0 : 1;
}
