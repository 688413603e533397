#include "../support/bytes.hpp"

#include <rathole/tls/pkcs12/rc2.hpp>

#include <doctest/doctest.h>

namespace rathole::test {
namespace {

TEST_CASE("rc2: the examples of RFC 2268 section 5") {
  struct example {
    const char* key;
    unsigned bits;
    const char* plain;
    const char* encrypted;
  };
  const example examples[] = {
      {"0000000000000000", 63, "0000000000000000", "ebb773f993278eff"},
      {"ffffffffffffffff", 64, "ffffffffffffffff", "278b27e42e2f0d49"},
      {"3000000000000000", 64, "1000000000000001", "30649edf9be7d2c2"},
      {"88", 64, "0000000000000000", "61a8a244adacccf0"},
      {"88bca90e90875a", 64, "0000000000000000", "6ccf4308974c267f"},
      {"88bca90e90875a7f0f79c384627bafb2", 64, "0000000000000000", "1a807d272bbe5db1"},
      {"88bca90e90875a7f0f79c384627bafb2", 128, "0000000000000000", "2269552ab0f85ca6"},
      {"88bca90e90875a7f0f79c384627bafb216f80a6f85920584c42fceb0be255daf1e", 129,
       "0000000000000000", "5b78d3a43dfff1f1"},
  };
  for (const example& e : examples) {
    CAPTURE(e.key);
    CAPTURE(e.bits);
    byte_vector block = bytes(e.encrypted);
    tls::rc2(bytes(e.key), e.bits).decrypt(byte_span(block).first<8>());
    CHECK(block == bytes(e.plain));
  }
}

}  // namespace
}  // namespace rathole::test
