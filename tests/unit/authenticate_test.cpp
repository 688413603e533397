#include "../support/wire_examples.hpp"

#include <rathole/core/hex.hpp>
#include <rathole/protocol/authenticate.hpp>

#include <doctest/doctest.h>

namespace rathole::test {
namespace {

/// A hash function for one test: the digest begins with the first byte hashed.
struct first_byte {
  static constexpr std::size_t digest_size = 32;
  void update(byte_view in) {
    if (!in.empty()) digest.front() = in.front();
  }
  protocol::digest finish() { return digest; }
  protocol::digest digest{};
};

TEST_CASE("authenticate: the service digest is the hash of the name") {
  CHECK(to_hex(protocol::service_digest("ssh")) == wire::service_digest);
}

TEST_CASE("authenticate: the session key hashes the token first, then the nonce") {
  const protocol::digest nonce = digest_of(wire::nonce);
  CHECK(to_hex(protocol::session_key(secret("use_a_secret"), nonce)) == wire::session_key);
  CHECK(to_hex(protocol::session_key(secret("use_a_secret"), nonce)) !=
        "185a334a0eeaa937ccc71d1c0ab2effff9cf83f92a3846df75c1529721bc26b3");
}

TEST_CASE("authenticate: the token may be empty, and is not trimmed") {
  const protocol::digest nonce = digest_of(wire::nonce);
  crypto::sha256 hash;
  hash.update(nonce);
  CHECK(protocol::session_key(secret(), nonce) == hash.finish());
  CHECK(protocol::session_key(secret("t"), nonce) != protocol::session_key(secret("t "), nonce));
}

TEST_CASE("authenticate: any hash function with 32-byte digests works") {
  CHECK(protocol::service_digest<first_byte>("ssh").front() == 's');
}

}  // namespace
}  // namespace rathole::test
