#include "noise_pair.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

namespace rathole {
namespace {

using namespace noise;
using test::noise_end, test::noise_pair;

std::vector<std::uint8_t> taken(byte_buffer& from) {
  const byte_view all = from.data();
  std::vector<std::uint8_t> out(all.begin(), all.end());
  from.clear();
  return out;
}

/// After an error every call returns that error, and there is nothing more to send or read.
void check_over(noise_end& end) {
  CHECK(end.layer.state() == phase::closed);
  const std::size_t output = end.wire.size();
  const std::size_t delivered = end.app.size();
  const std::vector<std::uint8_t> more(100, 0x10);
  CHECK(end.layer.receive(more, end.app, end.wire) == failure(end.error));
  CHECK(end.layer.receive_end() == failure(end.error));
  CHECK(end.layer.close(end.wire) == failure(end.error));
  CHECK(end.wire.size() == output);
  CHECK(end.app.size() == delivered);
}

/// Runs a handshake in which one bit on the wire is changed; returns false if there is no byte
/// `at`.
bool handshake(noise_pair& both, std::size_t at, std::uint8_t mask) {
  bool changed = false;
  for (bool forth = true; !both.client.wire.empty() || !both.server.wire.empty(); forth = !forth) {
    noise_end& from = forth ? both.client : both.server;
    noise_end& to = forth ? both.server : both.client;
    auto output = taken(from.wire);
    if (!changed && at < output.size()) {
      output[at] = static_cast<std::uint8_t>(output[at] ^ mask);
      changed = true;
    } else if (!changed) {
      at -= output.size();
    }
    if (!to.error) to.receive(output);
  }
  return changed;
}

TEST_CASE("noise layer: every changed bit of a handshake is detected") {
  for (const char* name : {"Noise_NN_25519_ChaChaPoly_BLAKE2s", "Noise_NK_25519_ChaChaPoly_BLAKE2s",
                           "Noise_XX_25519_AESGCM_SHA256", "Noise_KK_25519_ChaChaPoly_BLAKE2b",
                           "Noise_IK_25519_AESGCM_SHA512", "Noise_K1X1_25519_ChaChaPoly_SHA256"}) {
    CAPTURE(name);
    for (std::size_t at = 0;; ++at) {
      CAPTURE(at);
      noise_pair both(name);
      // The side that waits for more gets the end of the stream.
      if (!handshake(both, at, static_cast<std::uint8_t>(1 << at % 8))) break;
      for (noise_end* end : {&both.client, &both.server}) {
        if (!end->error && end->layer.state() == phase::handshaking) {
          end->note(end->layer.receive_end());
        }
        if (end->error) check_over(*end);
      }
      CHECK((both.client.error || both.server.error));
    }
  }
}

TEST_CASE("noise layer: every changed bit of a frame is detected") {
  for (const char* name : {"Noise_NK_25519_ChaChaPoly_BLAKE2s", "Noise_NK_25519_AESGCM_SHA256"}) {
    CAPTURE(name);
    // Two bytes of length, five of content, the tag.
    for (std::size_t bit = 0; bit < (2 + 5 + 16) * 8; bit += 3) {
      CAPTURE(bit);
      noise_pair both(name);
      settle(both.client, both.server);
      both.client.send("whole");
      auto output = taken(both.client.wire);
      REQUIRE(output.size() == 23);
      output[bit / 8] = static_cast<std::uint8_t>(output[bit / 8] ^ (1 << bit % 8));
      both.server.receive(output);
      if (!both.server.error) both.server.note(both.server.layer.receive_end());
      CHECK(both.server.error);
      CHECK(both.server.received().empty());
      check_over(both.server);
    }
  }
}

TEST_CASE("noise layer: frames that are repeated, left out or reflected are detected") {
  const auto outcome = [](auto deliver) {
    noise_pair both;
    settle(both.client, both.server);
    both.client.send("one");
    const auto one = taken(both.client.wire);
    both.client.send("two");
    const auto two = taken(both.client.wire);
    deliver(both, one, two);
    return both.server.error ? both.server.error : both.client.error;
  };
  using bytes = std::vector<std::uint8_t>;
  CHECK(outcome([](noise_pair& both, const bytes& one, const bytes& two) {
          both.server.receive(one);
          both.server.receive(two);
          CHECK(both.server.received() == "onetwo");
        }) == std::error_code());
  CHECK(outcome([](noise_pair& both, const bytes& one, const bytes&) {
          both.server.receive(one);
          both.server.receive(one);
        }) == errc::decryption_failed);
  CHECK(outcome([](noise_pair& both, const bytes&, const bytes& two) {
          both.server.receive(two);
        }) == errc::decryption_failed);
  CHECK(outcome([](noise_pair& both, const bytes& one, const bytes&) {
          both.client.receive(one);
        }) == errc::decryption_failed);
}

TEST_CASE("noise layer: payloads of handshake messages are ignored") {
  const auto name = *parse_protocol_name(test::default_noise);
  handshake_state<crypto::botan::x25519_key_pair, crypto::botan::chacha20_poly1305, crypto::blake2s>
      peer(name, role::initiator, test::example_keys(name.pattern, role::initiator));
  byte_buffer message;
  REQUIRE(peer.write_message(test::text("besides"), message));
  byte_buffer frame;
  const std::array<std::uint8_t, 2> size{static_cast<std::uint8_t>(message.size()), 0};
  frame.append(size);
  frame.append(message.data());

  noise_end server(test::example_layer(test::default_noise, role::responder));
  server.receive(frame.data());
  CHECK(server.error == std::error_code());
  CHECK(server.received().empty());
  CHECK(server.layer.state() == phase::open);
  byte_buffer answer;
  answer.append(server.wire.data().subspan(2));
  CHECK(peer.read_message(answer.data()));
  CHECK(peer.is_finished());
}

TEST_CASE("noise context: each connection has its own ephemeral key") {
  const settings from{.name = test::default_noise,
                      .local_private_key = {},
                      .remote_public_key = test::public_of(3)};
  const auto made = context::make(from, role::initiator);
  REQUIRE(made);
  std::set<std::string> output;
  for (int i = 0; i < 20; ++i) {
    const noise_end client(made->make_layer());
    const byte_view first = client.wire.data().subspan(2, crypto::dh_key_size);
    output.emplace(first.begin(), first.end());
  }
  CHECK(output.size() == 20);
}

TEST_CASE("noise frames: any split of the stream gives the same frames") {
  std::vector<std::uint8_t> stream;
  const std::vector<std::size_t> sizes{0, 1, 5, 300, 0, 7};
  for (const std::size_t size : sizes) {
    stream.push_back(static_cast<std::uint8_t>(size % 256));
    stream.push_back(static_cast<std::uint8_t>(size / 256));
    stream.insert(stream.end(), size, static_cast<std::uint8_t>(size));
  }
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    CAPTURE(piece);
    frame_reader reader;
    std::vector<std::size_t> seen;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      byte_view in = byte_view(stream).subspan(at, std::min(piece, stream.size() - at));
      while (const auto message = reader.next(in)) {
        seen.push_back(message->size());
        for (const std::uint8_t byte : *message) {
          REQUIRE(byte == static_cast<std::uint8_t>(message->size()));
        }
      }
      CHECK(in.empty());
      reader.trim();
    }
    CHECK(seen == sizes);
    CHECK_FALSE(reader.is_within_frame());
  }
}

TEST_CASE("noise frames: a frame that arrives whole is not copied") {
  const std::vector<std::uint8_t> stream{2, 0, 'a', 'b', 1, 0, 'c', 9};
  frame_reader reader;
  byte_view in(stream);
  CHECK(reader.next(in)->data() == stream.data() + 2);
  CHECK(reader.next(in)->data() == stream.data() + 6);
  CHECK_FALSE(reader.is_within_frame());
  CHECK_FALSE(reader.next(in));
  CHECK(in.empty());
  CHECK(reader.is_within_frame());
}

}  // namespace
}  // namespace rathole
