#include "../support/property.hpp"

#include <rathole/crypto/sha1.hpp>

#include <botan/hash.h>
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cstdint>
#include <string>

namespace rathole::test {
namespace {

TEST_CASE("sha1: the digests are Botan's") {
  RATHOLE_PROPERTY("sha1", [] {
    const byte_vector in = *any_bytes(300);
    const auto hash = Botan::HashFunction::create_or_throw("SHA-1");
    hash->update(in.data(), in.size());
    const auto expected = hash->final();
    RC_ASSERT(to_hex(crypto::sha1(in)) == to_hex({expected.data(), expected.size()}));
  });
}

}  // namespace
}  // namespace rathole::test
