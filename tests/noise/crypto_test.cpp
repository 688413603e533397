#include "noise_pair.hpp"

#include <rathole/core/hex.hpp>
#include <rathole/crypto/blake2s.hpp>
#include <rathole/crypto/botan/hash.hpp>
#include <rathole/crypto/hkdf.hpp>
#include <rathole/crypto/sha256.hpp>

#if RATHOLE_WITH_OPENSSL
#include <rathole/crypto/openssl/aead.hpp>
#endif

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace rathole {
namespace {

using crypto::botan::x25519_key_pair;

std::vector<std::uint8_t> counting(std::size_t size) {
  std::vector<std::uint8_t> out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i);
  return out;
}

template <class H>
std::string digest(byte_view in) {
  H hash;
  hash.update(in);
  return to_hex(hash.finish());
}

TEST_CASE("blake2s: vectors of RFC 7693 and of Python's hashlib") {
  CHECK(digest<crypto::blake2s>(test::text("abc")) ==
        "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
  struct example {
    std::size_t size;
    const char* digest;
  };
  const example examples[] = {
      {0, "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9"},
      {1, "e34d74dbaf4ff4c6abd871cc220451d2ea2648846c7757fbaac82fe51ad64bea"},
      {63, "e57cb79487dd57902432b250733813bd96a84efce59f650fac26e6696aefafc3"},
      {64, "56f34e8b96557e90c1f24b52d0c89d51086acf1b00f634cf1dde9233b8eaaa3e"},
      {65, "1b53ee94aaf34e4b159d48de352c7f0661d0a40edff95a0b1639b4090e974472"},
      {127, "f18417b39d617ab1c18fdf91ebd0fc6d5516bb34cf39364037bce81fa04cecb1"},
      {128, "1fa877de67259d19863a2a34bcc6962a2b25fcbf5cbecd7ede8f1fa36688a796"},
      {129, "5bd169e67c82c2c2e98ef7008bdf261f2ddf30b1c00f9e7f275bb3e8a28dc9a2"},
      {1000, "b5f9d7799111edafc9326fbf667be98140b5e20ce5e151793c59125bf654ac18"},
  };
  for (const example& each : examples) {
    CAPTURE(each.size);
    const auto in = counting(each.size);
    CHECK(digest<crypto::blake2s>(in) == each.digest);
    // Any split gives the same digest.
    crypto::blake2s pieces;
    for (std::size_t at = 0; at < in.size(); at += 7) {
      pieces.update(byte_view(in).subspan(at, std::min<std::size_t>(7, in.size() - at)));
    }
    CHECK(to_hex(pieces.finish()) == each.digest);
  }
}

TEST_CASE("hmac: vectors of RFC 4231") {
  const std::vector<std::uint8_t> key_1(20, 0x0b);
  CHECK(to_hex(crypto::hmac<crypto::sha256>(key_1, {test::text("Hi There")})) ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(to_hex(
            crypto::hmac<crypto::botan::sha512>(key_1, {test::text("Hi "), test::text("There")})) ==
        "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
        "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854");
  CHECK(
      to_hex(crypto::hmac<crypto::sha256>(
          test::text("Jefe"), {test::text("what do ya want "), {}, test::text("for nothing?")})) ==
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const std::vector<std::uint8_t> longer_than_a_block(131, 0xaa);
  CHECK(to_hex(crypto::hmac<crypto::sha256>(
            longer_than_a_block,
            {test::text("Test Using Larger Than Block-Size Key - Hash Key First")})) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("hkdf: vector of RFC 5869 without salt and info") {
  const std::vector<std::uint8_t> material(22, 0x0b);
  const auto out = crypto::hkdf<2, crypto::sha256>({}, material);
  CHECK(to_hex(out[0]) + to_hex(out[1]).substr(0, 20) ==
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST_CASE("x25519: vectors of RFC 7748, and keys of low order are refused") {
  const auto key = [](const char* hex) {
    const auto bytes = from_hex(hex);
    crypto::dh_key out;
    std::ranges::copy(*bytes, out.begin());
    return out;
  };
  const auto alice = key("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  const auto bob = key("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  CHECK(to_hex(x25519_key_pair(bob).public_key()) ==
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  CHECK(to_hex(x25519_key_pair(alice).public_key()) ==
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  struct example {
    crypto::dh_key secret;
    crypto::dh_key other;
    const char* shared;
  };
  const example examples[] = {
      {alice, x25519_key_pair(bob).public_key(),
       "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
      {bob, x25519_key_pair(alice).public_key(),
       "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
      {key("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
       key("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"),
       "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
      // The other key's highest bit is set, and must be ignored.
      {key("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d"),
       key("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493"),
       "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
  };
  for (const example& each : examples) {
    const auto shared = x25519_key_pair(each.secret).agree(each.other);
    REQUIRE(shared);
    CHECK(to_hex(*shared) == each.shared);
  }

  for (const char* weak : {"0000000000000000000000000000000000000000000000000000000000000000",
                           "0100000000000000000000000000000000000000000000000000000000000000",
                           "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                           "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                           "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                           "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    CAPTURE(weak);
    CHECK(x25519_key_pair(alice).agree(key(weak)) == failure(errc::weak_public_key));
  }
}

template <class A>
void check_aead(const char* key, const char* sealed) {
  A cipher;
  crypto::dh_key secret;
  std::ranges::copy(*from_hex(key), secret.begin());
  cipher.set_key(secret);
  std::array<std::uint8_t, crypto::aead_nonce_size> nonce{};
  std::array<std::uint8_t, crypto::aead_tag_size> tag;
  std::vector<std::uint8_t> text(100, 'x');
  cipher.seal(nonce, test::text("head"), text, tag);
  CHECK(to_hex(text).substr(0, 32) + to_hex(tag) == sealed);
  std::vector<std::uint8_t> again = text;
  A opener;
  opener.set_key(secret);
  CHECK(opener.open(nonce, test::text("head"), again, tag));
  CHECK(again == std::vector<std::uint8_t>(100, 'x'));
  again = text;
  CHECK_FALSE(opener.open(nonce, test::text("hear"), again, tag));
  CHECK(again == std::vector<std::uint8_t>(100, 0));
  // The associated data of the last message has no effect on the next one.
  std::vector<std::uint8_t> empty_head(5, 'y');
  cipher.seal(nonce, {}, empty_head, tag);
  CHECK(opener.open(nonce, {}, empty_head, tag));
}

TEST_CASE("aead: results of OpenSSL's program, and modified input is rejected") {
  const char* const key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
  const char* const chacha = "60c03a49d59edea96b192419d73b365f3d63cbb24adf0d5404089911eb9d0ead";
  const char* const aes = "76c4cda6cd54fbc570d0d14d6054e9e1c501221631027c1a27c684e77a296925";
  check_aead<crypto::botan::chacha20_poly1305>(key, chacha);
  check_aead<crypto::botan::aes256_gcm>(key, aes);
#if RATHOLE_WITH_OPENSSL
  check_aead<crypto::openssl::chacha20_poly1305>(key, chacha);
  check_aead<crypto::openssl::aes256_gcm>(key, aes);
#endif
}

}  // namespace
}  // namespace rathole
