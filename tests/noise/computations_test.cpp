#include "noise_pair.hpp"

#include <rathole/crypto/blake2s.hpp>
#include <rathole/crypto/botan/aead.hpp>
#include <rathole/noise/handshake_state.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <utility>

namespace {

using namespace rathole;
using namespace noise;

/// Counts the scalar multiplications, which take most of the time of a handshake.
class counted_key_pair {
 public:
  inline static int computations = 0;

  explicit counted_key_pair(const crypto::dh_key& secret) : pair_(secret) { ++computations; }
  [[nodiscard]] const crypto::dh_key& public_key() const { return pair_.public_key(); }
  [[nodiscard]] result<crypto::dh_key> agree(const crypto::dh_key& other) const {
    ++computations;
    return pair_.agree(other);
  }

 private:
  crypto::botan::x25519_key_pair pair_;
};

using state = handshake_state<counted_key_pair, crypto::botan::chacha20_poly1305, crypto::blake2s>;

handshake_keys<counted_key_pair> keys_of(const handshake_pattern& pattern, role who) {
  const x25519_keys from = test::example_keys(pattern, who);
  handshake_keys<counted_key_pair> out;
  out.local_static = std::make_shared<const counted_key_pair>(
      test::equal_bytes(who == role::initiator ? 0x11 : 0x33));
  out.local_ephemeral = from.local_ephemeral;
  out.remote_static = from.remote_static;
  return out;
}

/// Passes the next message from `from` to `to`; returns what each of them computed.
std::pair<int, int> pass(state& from, state& to) {
  byte_buffer message;
  counted_key_pair::computations = 0;
  REQUIRE(from.write_message({}, message));
  const int writing = std::exchange(counted_key_pair::computations, 0);
  REQUIRE(to.read_message(message.data()));
  return {writing, std::exchange(counted_key_pair::computations, 0)};
}

}  // namespace

TEST_CASE("noise: a handshake computes one ephemeral key and each shared secret once") {
  struct example {
    const char* name;
    int initiator;
    int responder;
  };
  // An ephemeral key each, and as many shared secrets as the pattern has tokens of two letters.
  const example examples[] = {{"Noise_NN_25519_ChaChaPoly_BLAKE2s", 2, 2},
                              {"Noise_NK_25519_ChaChaPoly_BLAKE2s", 3, 3},
                              {"Noise_XX_25519_ChaChaPoly_BLAKE2s", 4, 4},
                              {"Noise_IK_25519_ChaChaPoly_BLAKE2s", 5, 5},
                              {"Noise_KK_25519_ChaChaPoly_BLAKE2s", 5, 5}};
  for (const example& each : examples) {
    CAPTURE(each.name);
    const auto name = *parse_protocol_name(each.name);
    auto first_keys = keys_of(name.pattern, role::initiator);
    auto second_keys = keys_of(name.pattern, role::responder);
    counted_key_pair::computations = 0;
    state first(name, role::initiator, std::move(first_keys));
    state second(name, role::responder, std::move(second_keys));
    CHECK(counted_key_pair::computations == 0);
    int first_total = 0;
    int second_total = 0;
    while (!first.is_finished()) {
      const bool forth = first.is_my_turn();
      const auto [writing, reading] = forth ? pass(first, second) : pass(second, first);
      first_total += forth ? writing : reading;
      second_total += forth ? reading : writing;
    }
    CHECK(first_total == each.initiator);
    CHECK(second_total == each.responder);
  }
}
