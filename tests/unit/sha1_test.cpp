#include "../support/bytes.hpp"

#include <rathole/crypto/sha1.hpp>

#include <doctest/doctest.h>

#include <string>

namespace rathole::test {
namespace {

std::string digest(std::string_view in) { return to_hex(crypto::sha1(text(in))); }

TEST_CASE("sha1: vectors of RFC 3174 section 7.3 and FIPS 180") {
  CHECK(digest("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  CHECK(digest(std::string(1'000'000, 'a')) == "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
  std::string repeated;
  for (int i = 0; i < 80; ++i) repeated += "01234567";
  CHECK(digest(repeated) == "dea356a2cddd90c7a7ecedc5ebb563934f460452");
  CHECK(digest("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

// The lengths at which the padding needs one block more; computed by coreutils' sha1sum.
TEST_CASE("sha1: every length around the padding boundaries") {
  CHECK(digest(std::string(55, 'a')) == "c1c8bbdc22796e28c0e15163d20899b65621d65a");
  CHECK(digest(std::string(56, 'a')) == "c2db330f6083854c99d4b5bfb6e8f29f201be699");
  CHECK(digest(std::string(63, 'a')) == "03f09f5b158a7a8cdad920bddc29b81c18a551f5");
  CHECK(digest(std::string(64, 'a')) == "0098ba824b5c16427bd7a1122a5a442a25ec644d");
  CHECK(digest(std::string(65, 'a')) == "11655326c708d70319be2610e8a57d9a5b959d3b");
}

}  // namespace
}  // namespace rathole::test
