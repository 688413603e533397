#include "../support/bytes.hpp"

#include <rathole/tls/pkcs12/definite_lengths.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace rathole::test {
namespace {

std::string rewritten(const byte_vector& in) {
  try {
    return to_hex(tls::with_definite_lengths(in));
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

TEST_CASE("definite lengths: every BER length is converted") {
  struct example {
    const char* what;
    const char* in;
    const char* out;
  };
  const example examples[] = {
      {"nothing to do", "3003020105", "3003020105"},
      {"an end", "30800201050000", "3003020105"},
      {"ends in ends", "3080a08024800401610401620000000002010100000000",
       "300da0082406040161040162020101"},
      {"an end within a length", "300730800201050000", "30053003020105"},
      {"a length longer than need be", "308400000003020105", "3003020105"},
      {"what is in an octet string is left alone", "0405308002010500", "04053080020105"},
      {"what follows is not taken", "02010502", "020105"},
      {"nothing inside", "30800000", "3000"},
      {"empty", "", "it is cut"},
      {"a tag", "30", "it is cut"},
      {"a length beyond the end", "3004020105", "it is cut"},
      {"no end", "3080020105", "it is cut"},
      {"half an end", "308002010500", "it is cut"},
      {"half a length", "308200", "it is cut"},
      {"an absurd length", "30850000000003020105", "an absurd length"},
      {"a primitive without a length", "04800000", "a length is missing"},
      {"a long tag", "3f8100", "a long tag"},
  };
  for (const example& e : examples) {
    CAPTURE(e.what);
    CHECK(rewritten(bytes(e.in)) == e.out);
  }
}

TEST_CASE("definite lengths: long values, and deep nesting") {
  for (const std::size_t size : {127u, 128u, 255u, 256u, 65535u, 65536u}) {
    byte_vector in =
        bytes(
            "2480"
            "0483") +
        byte_vector{static_cast<std::uint8_t>(size >> 16), static_cast<std::uint8_t>(size >> 8),
                    static_cast<std::uint8_t>(size)};
    in.insert(in.end(), size, 'x');
    const auto once = tls::with_definite_lengths(in + byte_vector{0, 0});
    // It has no end-of-contents any more, so nothing changes.
    CHECK(tls::with_definite_lengths(once) == once);
    REQUIRE(once.size() > size);
    CHECK(std::all_of(once.end() - static_cast<std::ptrdiff_t>(size), once.end(),
                      [](std::uint8_t byte) { return byte == 'x'; }));
  }
  byte_vector deep;
  for (int i = 0; i < 100'000; ++i) deep = std::move(deep) + byte_vector{0x30, 0x80};
  CHECK(rewritten(deep) == "too many values in values");
}

}  // namespace
}  // namespace rathole::test
