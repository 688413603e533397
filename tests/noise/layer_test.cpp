#include "../support/layer_laws.hpp"
#include "noise_pair.hpp"

#include <doctest/doctest.h>

#include <malloc.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <limits>
#include <new>
#include <string>
#include <vector>

namespace {

std::atomic<std::size_t> allocations = 0;
std::atomic<std::size_t> bytes_held = 0;
/// If not 0, freed memory is searched for a key of 32 such bytes.
std::atomic<int> byte_of_key = 0;
std::atomic<std::size_t> keys_given_back = 0;

void look_for_key(const void* memory) {
  const auto* const bytes = static_cast<const std::uint8_t*>(memory);
  std::size_t equal = 0;
  for (std::size_t i = 0; i < ::malloc_usable_size(const_cast<void*>(memory)); ++i) {
    equal = bytes[i] == byte_of_key ? equal + 1 : 0;
    if (equal == 32) ++keys_given_back;
  }
}

}  // namespace

// Counts what the layers allocate, and what they hold.
void* operator new(std::size_t size) {
  ++allocations;
  void* const out = std::malloc(size);
  if (out == nullptr) throw std::bad_alloc();
  bytes_held += ::malloc_usable_size(out);
  return out;
}
void operator delete(void* out) noexcept {
  if (out != nullptr && byte_of_key != 0) look_for_key(out);
  bytes_held -= ::malloc_usable_size(out);
  std::free(out);
}
void operator delete(void* out, std::size_t) noexcept { operator delete(out); }
// Sanitizers have array allocators of their own.
void* operator new[](std::size_t size) { return operator new(size); }
void operator delete[](void* out) noexcept { operator delete(out); }
void operator delete[](void* out, std::size_t) noexcept { operator delete(out); }

namespace rathole {
namespace {

using namespace noise;
using test::noise_end, test::noise_pair;
namespace laws = test::layer_laws;

layer random_layer(const std::string& name, role who, std::optional<crypto::dh_key> remote = {}) {
  const bool first = who == role::initiator;
  settings made{.name = name, .local_private_key = {}, .remote_public_key = {}};
  const auto key = test::equal_bytes(first ? 0x11 : 0x33);
  made.local_private_key = secret(std::string(key.begin(), key.end()));
  made.remote_public_key = remote.value_or(test::public_of(first ? 0x33 : 0x11));
  return context::make(made, who)->make_layer();
}

std::string name_of(std::string_view pattern) {
  return "Noise_" + std::string(pattern) + "_25519_ChaChaPoly_BLAKE2s";
}

TEST_CASE("noise layer: every pattern completes with fresh keys") {
  for (const auto& each : noise::detail::pattern_texts) {
    CAPTURE(each.name);
    noise_end client(random_layer(name_of(each.name), role::initiator));
    noise_end server(random_layer(name_of(each.name), role::responder));
    settle(client, server);
    CHECK(client.layer.state() == phase::open);
    CHECK(server.layer.state() == phase::open);
    client.send("forth");
    server.send("back");
    settle(client, server);
    CHECK(server.received() == "forth");
    CHECK(client.received() == "back");
  }
}

TEST_CASE("noise layer: an unexpected static key is refused or fails the handshake") {
  for (const auto& each : noise::detail::pattern_texts) {
    CAPTURE(each.name);
    const auto pattern = *find_pattern(each.name);
    for (const role misled : {role::initiator, role::responder}) {
      const role other = misled == role::initiator ? role::responder : role::initiator;
      if (!pattern.uses_static(other)) continue;
      CAPTURE(static_cast<int>(misled));
      const auto wrong = test::public_of(0x77);
      noise_end one(random_layer(name_of(each.name), misled, wrong));
      noise_end two(random_layer(name_of(each.name), other));
      if (misled == role::initiator) settle(one, two);
      if (misled == role::responder) settle(two, one);
      const bool known =
          misled == role::initiator ? pattern.responder_is_known : pattern.initiator_is_known;
      const std::error_code seen = one.error ? one.error : two.error;
      CHECK(seen == (known ? errc::decryption_failed : errc::wrong_public_key));
      CHECK_FALSE((one.layer.state() == phase::open && two.layer.state() == phase::open));
    }
  }
}

TEST_CASE("noise layer: a key of low order is refused") {
  noise_pair both;
  std::vector<std::uint8_t> message(50, 0);
  message[0] = 48;
  both.server.receive(message);
  CHECK(both.server.error == errc::weak_public_key);
  CHECK(both.server.wire.empty());
}

TEST_CASE("noise layer: a stream that is cut within a frame is truncated") {
  for (std::size_t cut = 1; cut < 50; ++cut) {
    CAPTURE(cut);
    noise_pair both;
    both.server.receive(both.client.wire.data().first(cut));
    CHECK(both.server.layer.receive_end() == failure(errc::truncated));
  }
  noise_pair both;
  settle(both.client, both.server);
  both.client.send("whole");
  const std::size_t size = both.client.wire.size();
  for (std::size_t cut = 1; cut < size; ++cut) {
    noise_pair fresh;
    settle(fresh.client, fresh.server);
    fresh.client.send("whole");
    fresh.server.receive(fresh.client.wire.data().first(cut));
    CHECK(fresh.server.received().empty());
    CHECK(fresh.server.layer.receive_end() == failure(errc::truncated));
  }
  settle(both.client, both.server);
  CHECK(both.server.layer.receive_end());
  CHECK(both.server.layer.state() == phase::read_closed);
}

TEST_CASE("noise layer: the end of sending is the end of the stream below") {
  noise_pair both;
  settle(both.client, both.server);
  CHECK(both.client.layer.close(both.client.wire));
  CHECK(both.client.wire.empty());
  CHECK(both.client.layer.state() == phase::write_closed);
  CHECK(both.server.layer.receive_end());
  both.server.send("more");
  settle(both.client, both.server);
  CHECK(both.client.received() == "more");
  CHECK(both.client.layer.receive_end());
  CHECK(both.client.layer.state() == phase::closed);
}

TEST_CASE("noise layer: frames are filled, and empty ones are ignored") {
  noise_pair both;
  settle(both.client, both.server);
  both.client.send(std::string(65519 + 1, 'x'));
  REQUIRE(both.client.wire.size() == 65537 + 2 + 1 + 16);
  CHECK(both.client.wire.data()[0] == 0xff);
  CHECK(both.client.wire.data()[1] == 0xff);
  settle(both.client, both.server);
  CHECK(both.server.received() == std::string(65520, 'x'));

  // Our layer never sends one.
  const auto name = *parse_protocol_name(test::default_noise);
  const session_maker make_session = *find_session_maker(name);
  auto other =
      make_session(name, role::initiator, test::example_keys(name.pattern, role::initiator));
  noise_end server(test::example_layer(test::default_noise, role::responder));
  byte_buffer first;
  first.extend(2);
  REQUIRE(other->write_handshake(first));
  first.data()[0] = 48;
  first.data()[1] = 0;
  server.receive(first.data());
  REQUIRE(other->read_handshake(server.wire.data().subspan(2)));
  std::array<std::uint8_t, 18> empty{16, 0};
  REQUIRE(other->encrypt({}, std::span(empty).last<16>()));
  server.receive(empty);
  CHECK(server.error == std::error_code());
  CHECK(server.received().empty());
  CHECK(server.layer.state() == phase::open);
}

TEST_CASE("noise layer: a frame too short for a tag, or a message out of turn, is an error") {
  noise_pair both;
  settle(both.client, both.server);
  both.server.receive(test::text(std::string_view("\x0f\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 17)));
  CHECK(both.server.error == errc::malformed_message);

  noise_end early(test::example_layer("Noise_XX_25519_ChaChaPoly_BLAKE2s", role::responder));
  early.receive(test::text(std::string_view("\x05\0hello", 7)));
  CHECK(early.error == errc::malformed_message);
}

TEST_CASE("noise cipher: the last nonce is reserved") {
  cipher_state<crypto::botan::chacha20_poly1305> cipher;
  cipher.initialize_key({});
  cipher.set_nonce(std::numeric_limits<std::uint64_t>::max() - 1);
  std::array<std::uint8_t, 1> text{};
  std::array<std::uint8_t, tag_size> tag;
  CHECK(cipher.encrypt({}, text, tag));
  CHECK(cipher.encrypt({}, text, tag) == failure(errc::nonce_exhausted));
  CHECK(cipher.decrypt({}, text, tag) == failure(errc::nonce_exhausted));
}

TEST_CASE("noise layer: allocates nothing once its buffers have grown") {
  for (const char* name : {"Noise_NK_25519_ChaChaPoly_BLAKE2s", "Noise_NK_25519_AESGCM_SHA256"}) {
    CAPTURE(name);
    for (const test::engine_pair& by : test::engine_pairs()) {
      CAPTURE(by.text);
      noise_pair both(name, by);
      settle(both.client, both.server);
      const std::string text(16 * 1024 + 5, 'x');
      const auto pass = [&] {
        both.client.send(text);
        both.server.receive(both.client.wire.data());
        both.client.wire.clear();
        both.server.app.clear();
      };
      for (int i = 0; i < 3; ++i) pass();
      const std::size_t before = allocations;
      for (int i = 0; i < 50; ++i) pass();
      CHECK(allocations == before);
      CHECK(both.server.error == std::error_code());
    }
  }
}

TEST_CASE("noise layer: only an incomplete frame is buffered") {
  noise_pair both;
  settle(both.client, both.server);
  both.client.send("warm");
  settle(both.client, both.server);
  both.client.send(std::string(60'000, 'x'));
  byte_buffer output;
  output.swap(both.client.wire);
  // Capacity that already exists does not count as the layer's.
  both.server.app.prepare(200'000);

  const std::size_t before = bytes_held;
  both.server.receive(output.data().first(59'000));
  CHECK(bytes_held >= before + 59'000);
  both.server.receive(output.data().subspan(59'000));
  CHECK(both.server.received().size() == 4 + 60'000);
  CHECK(bytes_held < before + 1000);
}

TEST_CASE("noise: private keys are wiped before their memory is freed") {
  const auto count = [](std::uint8_t byte, auto act) {
    keys_given_back = 0;
    byte_of_key = byte;
    act();
    byte_of_key = 0;
    return keys_given_back.load();
  };
  CHECK(count(0x66, [] { delete new crypto::dh_key(test::equal_bytes(0x66)); }) == 1);
  CHECK(count(0x33, [] { const layer unused = random_layer(name_of("XX"), role::responder); }) ==
        0);
  for (const std::uint8_t byte : std::initializer_list<std::uint8_t>{0x11, 0x22, 0x33, 0x44}) {
    CHECK(count(byte, [] {
            noise_pair both("Noise_XX_25519_ChaChaPoly_BLAKE2s");
            settle(both.client, both.server);
          }) == 0);
  }
}

TEST_CASE("noise layer: the laws of layers, between each pair of engines") {
  for (const char* name : {"Noise_NK_25519_ChaChaPoly_BLAKE2s", "Noise_XX_25519_AESGCM_SHA256"}) {
    CAPTURE(name);
    for (const test::engine_pair& by : test::engine_pairs()) {
      CAPTURE(by.text);
      RATHOLE_PROPERTY("all laws", [name, by] {
        const auto client = [name, by] {
          return test::example_layer(name, role::initiator, by.client);
        };
        const auto server = [name, by] {
          return test::example_layer(name, role::responder, by.server);
        };
        laws::check(client, server, {.authenticated = true});
      });
    }
  }
}

TEST_CASE("noise context: settings that cannot work give a readable error") {
  struct example {
    const char* name;
    role who;
    bool own_key;
    bool other_key;
    const char* problem;
  };
  const example examples[] = {
      {"NK", role::initiator, false, true, ""},
      {"NK", role::responder, true, false, ""},
      {"XX", role::initiator, false, false, ""},
      {"NN", role::responder, false, false, ""},
      {"NK", role::initiator, true, false,
       "the pattern needs `remote_public_key`, the public key of the server"},
      {"NK", role::responder, false, false,
       "the pattern needs `local_private_key`, whose public key the client knows"},
      {"KK", role::responder, true, false,
       "the pattern needs `remote_public_key`, the public key of the client"},
      {"KN", role::initiator, false, false,
       "the pattern needs `local_private_key`, whose public key the server knows"},
      {"XXpsk3", role::initiator, true, true,
       "a pattern with psk cannot be used: no psk can be configured"},
      {"X", role::initiator, true, true, "pattern X is one-way: the server could not answer"},
      {"ZZ", role::initiator, true, true,
       "unknown handshake pattern: use one such as NK, KK, XX or IK"},
      {"XXfallback", role::initiator, true, true,
       "unknown modifier of the pattern: only psk0, psk1 and so on are known"},
      {"NNpsk7", role::initiator, true, true, "the pattern has no such place for a psk"},
  };
  for (const example& each : examples) {
    CAPTURE(each.name);
    settings from{.name = name_of(each.name), .local_private_key = {}, .remote_public_key = {}};
    if (each.own_key) from.local_private_key = secret(std::string(32, 'k'));
    if (each.other_key) from.remote_public_key = test::public_of(0x33);
    const auto made = context::make(from, each.who);
    CHECK((made ? "" : made.error()) == each.problem);
  }
  for (const auto& [name, problem] : std::vector<std::pair<const char*, const char*>>{
           {"Noise_NK_448_ChaChaPoly_BLAKE2s", "448 is not supported: use 25519"},
           {"Noise_NK_1_ChaChaPoly_BLAKE2s", "unknown Diffie-Hellman function: use 25519"},
           {"Noise_NK_25519_Cha_BLAKE2s", "unknown cipher: use ChaChaPoly or AESGCM"},
           {"Noise_NK_25519_AESGCM_MD5",
            "unknown hash function: use SHA256, SHA512, BLAKE2s or BLAKE2b"},
           {"NK", "not a Noise protocol name: write it like `Noise_NK_25519_ChaChaPoly_BLAKE2s`"},
           {"", "not a Noise protocol name: write it like `Noise_NK_25519_ChaChaPoly_BLAKE2s`"}}) {
    const auto made = parse_protocol_name(name);
    REQUIRE_FALSE(made);
    CHECK(made.error() == problem);
  }
  settings short_key{
      .name = name_of("XX"), .local_private_key = secret("short"), .remote_public_key = {}};
  CHECK(context::make(short_key, role::initiator).error() ==
        "`local_private_key` is not 32 bytes long");
}

TEST_CASE("noise context: keys that protect nothing are refused") {
  settings zero{.name = name_of("XX"),
                .local_private_key = secret(std::string(32, '\0')),
                .remote_public_key = {}};
  for (const role who : {role::initiator, role::responder}) {
    CHECK(context::make(zero, who).error() ==
          "all bytes of `local_private_key` are zero, so the key protects nothing; use a key that "
          "`rathole --genkey` printed");
  }
  // The points of low order of Curve25519, and those that are equal to one of them modulo 2^255-19.
  for (const char* point : {"0000000000000000000000000000000000000000000000000000000000000000",
                            "0100000000000000000000000000000000000000000000000000000000000000",
                            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    CAPTURE(point);
    settings from{.name = name_of("NK"), .local_private_key = {}, .remote_public_key = {}};
    std::ranges::copy(test::bytes(point), from.remote_public_key.emplace().begin());
    const auto made = context::make(from, role::initiator);
    REQUIRE_FALSE(made);
    CHECK(made.error() ==
          "`remote_public_key` is of low order, so the key protects nothing; use a key that "
          "`rathole --genkey` printed");
  }
}

}  // namespace
}  // namespace rathole
