// The ciphers of OpenSSL beside those of Botan.

#include "../support/property.hpp"
#include "noise_pair.hpp"

#include <rathole/crypto/botan/aead.hpp>

#include <doctest/doctest.h>

#if RATHOLE_WITH_OPENSSL

#include <rathole/crypto/openssl/aead.hpp>

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace rathole {
namespace {

using byte_vector = std::vector<std::uint8_t>;
using key_bytes = std::array<std::uint8_t, crypto::aead_key_size>;
using nonce_bytes = std::array<std::uint8_t, crypto::aead_nonce_size>;
using tag_bytes = std::array<std::uint8_t, crypto::aead_tag_size>;

static_assert(crypto::Aead<crypto::openssl::chacha20_poly1305>);
static_assert(crypto::Aead<crypto::openssl::aes256_gcm>);

/// One cipher, by both engines.
struct chacha {
  using botan = crypto::botan::chacha20_poly1305;
  using openssl = crypto::openssl::chacha20_poly1305;
};
struct aes {
  using botan = crypto::botan::aes256_gcm;
  using openssl = crypto::openssl::aes256_gcm;
};

/// A message, and what belongs to it.
struct message {
  nonce_bytes nonce;
  byte_vector associated;
  byte_vector text;
};

template <std::size_t Size>
std::array<std::uint8_t, Size> any_array() {
  const auto drawn = *rc::gen::container<byte_vector>(Size, rc::gen::arbitrary<std::uint8_t>());
  std::array<std::uint8_t, Size> out;
  std::ranges::copy(drawn, out.begin());
  return out;
}

/// A message whose parts are often empty, and whose text often ends within a block.
message any_message() {
  const auto bytes = rc::gen::arbitrary<byte_vector>();
  message out{any_array<crypto::aead_nonce_size>(), *bytes, *bytes};
  // Ciphers process long texts by other code.
  const auto size = *rc::gen::element<std::size_t>(0, 64, 512, 16'384);
  out.text.resize(out.text.size() + size, 0x5a);
  return out;
}

template <class A>
A keyed(const key_bytes& key) {
  A out;
  out.set_key(key);
  return out;
}

/// A sealed message, with the tag directly after the text.
template <class A>
byte_vector sealed(A& by, const message& from) {
  byte_vector out = from.text;
  out.resize(out.size() + crypto::aead_tag_size);
  const byte_span all(out);
  by.seal(from.nonce, from.associated, all.first(from.text.size()),
          all.template last<crypto::aead_tag_size>());
  return out;
}

/// Opens `from`, whose tag is copied to a place of its own; returns the text, which the cipher has
/// wiped if it is not authentic.
template <class A>
std::pair<bool, byte_vector> opened(A& by, const nonce_bytes& nonce, byte_view associated,
                                    byte_view from) {
  tag_bytes tag;
  std::ranges::copy(from.last(tag.size()), tag.begin());
  byte_vector text(from.begin(), from.end() - crypto::aead_tag_size);
  const bool is_authentic = by.open(nonce, associated, text, tag);
  return {is_authentic, text};
}

template <class Cipher>
void check_agreement() {
  const auto key = any_array<crypto::aead_key_size>();
  auto botan_sealing = keyed<typename Cipher::botan>(key);
  auto botan_opening = keyed<typename Cipher::botan>(key);
  auto openssl_sealing = keyed<typename Cipher::openssl>(key);
  auto openssl_opening = keyed<typename Cipher::openssl>(key);
  // Nothing of a message has an effect on the next one.
  for (int i = 0; i < 3; ++i) {
    const message drawn = any_message();
    const byte_vector expected = sealed(botan_sealing, drawn);
    RC_ASSERT(sealed(openssl_sealing, drawn) == expected);
    const auto same = std::pair(true, drawn.text);
    RC_ASSERT(opened(openssl_opening, drawn.nonce, drawn.associated, expected) == same);
    RC_ASSERT(opened(botan_opening, drawn.nonce, drawn.associated, expected) == same);
  }
}

TEST_CASE("engines: the same key, nonce, associated data and text give the same bytes") {
  RATHOLE_PROPERTY("ChaCha20-Poly1305", check_agreement<chacha>);
  RATHOLE_PROPERTY("AES-256-GCM", check_agreement<aes>);
}

template <class A>
void check_rejections() {
  const key_bytes key{7};
  auto sealing = keyed<A>(key);
  auto opening = keyed<A>(key);
  for (const std::size_t size : {0u, 1u, 15u, 16u, 17u, 100u}) {
    CAPTURE(size);
    const message from{{1, 2}, byte_vector(20, 'a'), byte_vector(size, 'x')};
    const byte_vector output = sealed(sealing, from);
    const auto refused = std::pair(false, byte_vector(size, 0));
    for (std::size_t at = 0; at < output.size(); ++at) {
      CAPTURE(at);
      byte_vector changed = output;
      changed[at] ^= 0x10;
      CHECK(opened(opening, from.nonce, from.associated, changed) == refused);
    }
    for (std::size_t at = 0; at < from.associated.size(); ++at) {
      CAPTURE(at);
      byte_vector changed = from.associated;
      changed[at] ^= 0x80;
      CHECK(opened(opening, from.nonce, changed, output) == refused);
    }
    CHECK(opened(opening, from.nonce, {}, output) == refused);
    CHECK(opened(opening, {1, 3}, from.associated, output) == refused);
    // A rejected message has no effect on the next one.
    CHECK(opened(opening, from.nonce, from.associated, output) == std::pair(true, from.text));
  }
}

TEST_CASE(
    "engines: each changed byte of text, tag or associated data is detected, and no text left") {
  check_rejections<crypto::botan::chacha20_poly1305>();
  check_rejections<crypto::botan::aes256_gcm>();
  check_rejections<crypto::openssl::chacha20_poly1305>();
  check_rejections<crypto::openssl::aes256_gcm>();
  // TLS connections of this thread use the same error queue.
  CHECK(ERR_peek_error() == 0);
}

template <class A>
void check_keys() {
  const key_bytes first{1};
  const key_bytes second{2};
  const message from{{}, {}, byte_vector(40, 'x')};
  auto by_first = keyed<A>(first);
  auto by_second = keyed<A>(second);
  const byte_vector output = sealed(by_second, from);
  CHECK(sealed(by_first, from) != output);
  by_first.set_key(second);
  CHECK(sealed(by_first, from) == output);
  auto moved = std::move(by_first);
  CHECK(sealed(moved, from) == output);
  auto opening = keyed<A>(first);
  CHECK_FALSE(opened(opening, from.nonce, {}, output).first);
  opening = std::move(moved);
  CHECK(opened(opening, from.nonce, {}, output) == std::pair(true, from.text));
}

TEST_CASE("engines: a cipher may have another key, and may be moved") {
  check_keys<crypto::botan::chacha20_poly1305>();
  check_keys<crypto::botan::aes256_gcm>();
  check_keys<crypto::openssl::chacha20_poly1305>();
  check_keys<crypto::openssl::aes256_gcm>();
}

TEST_CASE("engines: each is found for each cipher, and handshakes between them complete") {
  for (const char* name : {"Noise_XX_25519_ChaChaPoly_BLAKE2s", "Noise_IK_25519_AESGCM_SHA512"}) {
    for (const test::engine_pair& by : test::engine_pairs()) {
      CAPTURE(by.text);
      test::noise_pair both(name, by);
      settle(both.client, both.server);
      both.client.send("forth");
      both.server.send("back");
      settle(both.client, both.server);
      CHECK(both.server.received() == "forth");
      CHECK(both.client.received() == "back");
    }
  }
}

TEST_CASE("openssl: a cipher that no provider has is absent, and leaves no error behind") {
  CHECK(crypto::openssl::chacha20_poly1305::is_provided());
  CHECK(crypto::openssl::aes256_gcm::is_provided());
  CHECK(crypto::openssl::fetch_cipher("no such cipher") == nullptr);
  CHECK(ERR_peek_error() == 0);
}

TEST_CASE("openssl: without a key nothing is encrypted or opened") {
  crypto::openssl::aes256_gcm cipher;
  byte_vector text(5, 'x');
  tag_bytes tag{};
  CHECK_THROWS_AS(cipher.seal(nonce_bytes{}, {}, text, tag), std::bad_alloc);
  CHECK(text == byte_vector(5, 0));
  CHECK_FALSE(cipher.open(nonce_bytes{}, {}, text, tag));
}

}  // namespace
}  // namespace rathole

#else

namespace rathole {

TEST_CASE("noise context: an engine that is not built in is refused") {
  noise::settings from;
  from.name = test::default_noise;
  from.remote_public_key = test::public_of(3);
  from.engine = noise::engine::openssl;
  const auto made = noise::context::make(from, noise::role::initiator);
  REQUIRE_FALSE(made);
  CHECK(made.error() == "openssl is not built into this program; set `engine = \"botan\"`");
}

}  // namespace rathole

#endif
