#include <rathole/core/byte_buffer.hpp>

int main() {
  rathole::byte_buffer buffer;
  return buffer.empty() ? 0 : 1;
}
