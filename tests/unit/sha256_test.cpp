#include "../support/bytes.hpp"

#include <rathole/core/hex.hpp>
#include <rathole/core/random.hpp>
#include <rathole/crypto/concepts.hpp>
#include <rathole/crypto/sha256.hpp>
#include <rathole/crypto/system_rng.hpp>

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

static_assert(crypto::Hash<crypto::sha256>);
static_assert(Rng<crypto::system_rng>);

std::string repeated(std::string_view unit, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += unit;
  return out;
}

std::string sha256_of(byte_view in) {
  crypto::sha256 hash;
  hash.update(in);
  return to_hex(hash.finish());
}

TEST_CASE("sha256: the vectors of RFC 6234, section 8.5") {
  struct vector {
    std::string message;
    std::string digest;
  };
  const std::vector<vector> vectors{
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {repeated("a", 1'000'000),
       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
      {repeated("0123456701234567012345670123456701234567012345670123456701234567", 10),
       "594847328451bdfa85056225462cc1d867d877fb388df0ce35f25ab5562bfbb5"},
      {"\x19", "68aa2e2ee5dff96e3355e6c7ee373e3d6a4e17f75f9518d843709c0c9bc3e3d4"},
      {std::string("\xe3\xd7\x25\x70\xdc\xdd\x78\x7c\xe3\x88\x7a\xb2\xcd\x68\x46\x52"),
       "175ee69b02ba9b58e2b0a5fd13819cea573f3940a94f825128cf4209beabb4e8"},
  };
  for (const vector& one : vectors) {
    CAPTURE(one.message.substr(0, 64));
    CHECK(sha256_of(text(one.message)) == one.digest);
  }
}

TEST_CASE("sha256: the empty input (FIPS 180-4)") {
  CHECK(sha256_of({}) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("sha256: every length around the block and the padding, in one piece and byte by byte") {
  for (std::size_t length = 0; length <= 3 * crypto::sha256::block_size; ++length) {
    CAPTURE(length);
    const byte_vector message(length, 0x61);
    crypto::sha256 hash;
    for (const std::uint8_t& byte : message) hash.update({&byte, 1});
    CHECK(to_hex(hash.finish()) == sha256_of(message));
  }
  CHECK(sha256_of(byte_vector(55, 0x61)) ==
        "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
  CHECK(sha256_of(byte_vector(56, 0x61)) ==
        "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
  CHECK(sha256_of(byte_vector(64, 0x61)) ==
        "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}

TEST_CASE("sha256: copies continue independently") {
  crypto::sha256 hash;
  hash.update(text("ab"));
  crypto::sha256 copy = hash;
  hash.update(text("c"));
  copy.update(text("d"));
  CHECK(to_hex(hash.finish()) == sha256_of(text("abc")));
  CHECK(to_hex(copy.finish()) == sha256_of(text("abd")));
}

TEST_CASE("system_rng: fills the whole buffer, never twice the same") {
  crypto::system_rng rng;
  std::set<byte_vector> seen;
  for (int i = 0; i < 100; ++i) {
    byte_vector out(32);
    rng.fill(out);
    CHECK(seen.insert(out).second);
  }
  byte_vector large(100'000);
  rng.fill(large);
  // 64 zeros in a row, anywhere, have a probability of 2^-495.
  CHECK(std::search_n(large.begin(), large.end(), 64, std::uint8_t{0}) == large.end());
  rng.fill({});
}

}  // namespace
}  // namespace rathole::test
