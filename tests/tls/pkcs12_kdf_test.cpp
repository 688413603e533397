#include "../support/property.hpp"

#include <rathole/tls/pkcs12/kdf.hpp>
#include <rathole/tls/pkcs12/password.hpp>

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <rapidcheck.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace rathole::test {
namespace {

TEST_CASE("pkcs12: passwords as BMPStrings") {
  struct example {
    std::string_view password;
    const char* bmp;
  };
  const example examples[] = {
      {"", ""},
      {"ab", "00610062"},
      {"\xc3\xa4", "00e4"},
      {"\xe2\x82\xac", "20ac"},
      {"\xf0\x9d\x84\x9e", "d834dd1e"},
      // Invalid UTF-8: a lone lead byte, a lone continuation byte, an overlong encoding, a
      // surrogate, a value beyond Unicode.
      {"a\xc3", "006100c3"},
      {"\xa4", "00a4"},
      {"\xc0\x80", "00c00080"},
      {"\xed\xa0\x80", "00ed00a00080"},
      {"\xf4\x90\x80\x80", "00f4009000800080"},
      {"\xff", "00ff"},
  };
  for (const example& e : examples) {
    CAPTURE(e.bmp);
    const auto spellings = tls::spellings_of(e.password);
    const byte_vector ended = bytes(e.bmp) + byte_vector{0, 0};
    CHECK(std::ranges::equal(spellings.back().bmp, ended));
    CHECK(std::ranges::equal(spellings.back().plain, text(e.password)));
    REQUIRE(spellings.size() == (e.password.empty() ? 2 : 1));
    if (e.password.empty()) CHECK(spellings.front().bmp.empty());
  }
}

TEST_CASE("pkcs12: keys are derived as OpenSSL does") {
  RATHOLE_PROPERTY("pkcs12 kdf", [] {
    byte_vector password = *any_bytes(150);
    byte_vector salt = *any_bytes(150);
    salt.push_back(1);
    const auto purpose = *rc::gen::inRange(1, 4);
    const auto iterations = *rc::gen::inRange(1, 20);
    const bool sha256 = *rc::gen::arbitrary<bool>();
    byte_vector expected(*rc::gen::inRange<std::size_t>(1, 100));
    RC_ASSERT(PKCS12_key_gen_uni(password.data(), static_cast<int>(password.size()), salt.data(),
                                 static_cast<int>(salt.size()), purpose, iterations,
                                 static_cast<int>(expected.size()), expected.data(),
                                 sha256 ? EVP_sha256() : EVP_sha1()) == 1);
    const auto derived =
        tls::pkcs12_kdf(sha256 ? "SHA-256" : "SHA-1", static_cast<tls::pkcs12_purpose>(purpose),
                        password, salt, static_cast<std::size_t>(iterations), expected.size());
    RC_ASSERT(std::ranges::equal(derived, expected));
  });
}

}  // namespace
}  // namespace rathole::test
