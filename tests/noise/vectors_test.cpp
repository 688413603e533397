#include "noise_pair.hpp"

#include <rathole/core/hex.hpp>

#if RATHOLE_WITH_OPENSSL
#include <rathole/crypto/openssl/aead.hpp>
#endif

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace rathole {
namespace {

using namespace noise;

/// What another implementation computed from the example keys, in hexadecimal.
struct vector {
  std::string hash;
  std::string transcript;
  std::string forth;
  std::string back;
};

template <class H, class A>
void compare(const protocol_name& name, const vector& expected) {
  using state = handshake_state<crypto::botan::x25519_key_pair, A, H>;
  state first(name, role::initiator, test::example_keys(name.pattern, role::initiator));
  state second(name, role::responder, test::example_keys(name.pattern, role::responder));
  crypto::sha256 messages;
  for (std::size_t i = 0; i < name.pattern.messages.size(); ++i) {
    byte_buffer message;
    REQUIRE((i % 2 == 0 ? first : second).write_message({}, message));
    messages.update(message.data());
    const auto payload = (i % 2 == 0 ? second : first).read_message(message.data());
    REQUIRE(payload);
    CHECK(payload->empty());
  }
  REQUIRE(first.is_finished());
  REQUIRE(second.is_finished());
  CHECK(first.handshake_hash() == second.handshake_hash());
  CHECK(to_hex(first.handshake_hash()) == expected.hash);
  CHECK(to_hex(messages.finish()) == expected.transcript);

  const auto sealed = [](auto& by, std::string_view in) {
    std::vector<std::uint8_t> out(in.begin(), in.end());
    out.resize(in.size() + tag_size);
    const byte_span all(out);
    REQUIRE(by.encrypt({}, all.first(in.size()), all.template last<tag_size>()));
    return to_hex(out);
  };
  auto ciphers = first.split();
  CHECK(sealed(ciphers.first, "forth") == expected.forth);
  CHECK(sealed(ciphers.second, "back") == expected.back);
}

/// Compares with the ciphers of each engine.
template <class H>
void compare(const protocol_name& name, const vector& expected) {
  const bool is_aes = name.cipher == cipher::aes_gcm;
  if (is_aes) compare<H, crypto::botan::aes256_gcm>(name, expected);
  if (!is_aes) compare<H, crypto::botan::chacha20_poly1305>(name, expected);
#if RATHOLE_WITH_OPENSSL
  if (is_aes) compare<H, crypto::openssl::aes256_gcm>(name, expected);
  if (!is_aes) compare<H, crypto::openssl::chacha20_poly1305>(name, expected);
#endif
}

TEST_CASE("noise: vectors of another implementation for every pattern and suite") {
  std::ifstream file(RATHOLE_VECTORS "/noise.txt");
  REQUIRE(file.good());
  std::size_t rows = 0;
  for (std::string line; std::getline(file, line); ++rows) {
    std::istringstream row(line);
    std::string text;
    row >> text;
    CAPTURE(text);
    const auto name = parse_protocol_name(text);
    REQUIRE(name);
    vector expected;
    row >> expected.hash >> expected.transcript >> expected.forth >> expected.back;
    switch (name->hash) {
      case hash::sha256: compare<crypto::sha256>(*name, expected); break;
      case hash::sha512: compare<crypto::botan::sha512>(*name, expected); break;
      case hash::blake2s: compare<crypto::blake2s>(*name, expected); break;
      case hash::blake2b: compare<crypto::botan::blake2b>(*name, expected); break;
    }
  }
  // 35 patterns and 9 with psks, 2 ciphers, 4 hash functions.
  CHECK(rows == 44 * 8);
}

/// Returns the bytes on the wire up to the first frame, in order, as in upstream's stream.
struct dump {
  const char* name;
  std::vector<const char*> handshake;
  const char* client_hello;
};

TEST_CASE("noise: upstream's stream, byte by byte") {
  const dump dumps[] = {
      {"Noise_NK_25519_ChaChaPoly_BLAKE2s",
       {"30000faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f2085e78c07357def9d644a"
        "0ddf6e0aa424",
        "3000ff2ee45601ec1b67310c7790404585ae697331eee1c1f8cf2419731c1fff3e6b40342b6e24c22646c327"
        "b8a00250c93b"},
       "35000ad4311e060229a2076c7365ded5e5a5df989d7ab0a206734422539331bd10ad68d94c509a9d010a5c9e"
       "6951f0706d90869ecd9f4c"},
      {"Noise_XX_25519_ChaChaPoly_BLAKE2s",
       {"20000faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f20",
        "6000ff2ee45601ec1b67310c7790404585ae697331eee1c1f8cf2419731c1fff3e6b34844ab378b06d263465"
        "2a1eb7d2b6c67c2082af188b41dd5e7da57cf64439f39e4164252dece86e03665b2c8170e73626758372b953"
        "6397"
        "7f16178df5b07cf6",
        "400075537efbe989fb8406a0dcce52dbec0f832fd70f3c37a8f6efb0d8b74afcc1a57f070028f97b27748656"
        "19e7e95635798a0f66f1a7bf1a0524d7a6d60143eda0"},
       "3500753e1a27442749823de2ee9669e40f8ccac070a0909b82768826af581c321fd581136f02456249ee630f"
       "448caa1d44670e616ae578"},
      {"Noise_KK_25519_ChaChaPoly_BLAKE2s",
       {"30000faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f20f43e2563d429a1e318fb"
        "1e326d27fece",
        "3000ff2ee45601ec1b67310c7790404585ae697331eee1c1f8cf2419731c1fff3e6b9c519d2ff8384a6338a8"
        "c7ea9d826434"},
       "3500bfced5ad04bf4b50b28d15bb166eba5bc5686a1752aa5b7d2a03b92c2856820343af012c9028b2ae5d43"
       "0b090712e8a0fefdd4b1c1"},
  };
  const auto hello =
      from_hex("00000000017f5a55cf3f88be936fb9440249cb449f3067ccee4b525d0027dc9278a29c32c1");
  for (const dump& each : dumps) {
    CAPTURE(each.name);
    for (const test::engine_pair& by : test::engine_pairs()) {
      CAPTURE(by.text);
      test::noise_pair both(each.name, by);
      for (std::size_t i = 0; i < each.handshake.size(); ++i) {
        test::noise_end& writer = i % 2 == 0 ? both.client : both.server;
        test::noise_end& reader = i % 2 == 0 ? both.server : both.client;
        CHECK(to_hex(writer.wire.data()) == each.handshake[i]);
        byte_buffer output;
        output.swap(writer.wire);
        reader.receive(output.data());
      }
      CHECK(both.client.layer.state() == phase::open);
      CHECK(both.server.layer.state() == phase::open);
      both.client.note(both.client.layer.send(*hello, both.client.wire));
      CHECK(to_hex(both.client.wire.data()) == each.client_hello);
      CHECK(both.client.error == std::error_code());
    }
  }
}

TEST_CASE("noise: the frames that follow upstream's NK handshake") {
  test::noise_pair both;
  settle(both.client, both.server);
  const auto server_hello =
      from_hex("0000000001000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  both.server.note(both.server.layer.send(*server_hello, both.server.wire));
  CHECK(to_hex(both.server.wire.data()) ==
        "3500a18e806597594d12945605861c11ff024f49d142e34758aa1bf8e66771372"
        "03eb019d5fbe813cac188bb4607db991cdaf21facb67f");
  const auto hello =
      from_hex("00000000017f5a55cf3f88be936fb9440249cb449f3067ccee4b525d0027dc9278a29c32c1");
  const auto auth = from_hex("47738aae7c92ff9b06e94dfe63e0842ce9bb57dd94e3765fef56d20da2c56b12");
  both.client.note(both.client.layer.send(*hello, both.client.wire));
  both.client.wire.clear();
  both.client.note(both.client.layer.send(*auth, both.client.wire));
  CHECK(to_hex(both.client.wire.data()) ==
        "300021dbcbdffa817390c0f7f0e396e90995cca75d0a940269b8fd0ca014803de2d9c44bd59dc94dbd182232"
        "4ebae70a7f60");
}

}  // namespace
}  // namespace rathole
