#include "../support/property.hpp"

#include <rathole/protocol/bincode.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace rathole::test {
namespace {

using protocol::bincode;

/// Checks that whatever decodes is encoded as the same bytes, so no two encodings mean the same.
template <class Decoded>
void check_canonical(byte_view in, const Decoded& decoded, auto encode, bool is_expected_error) {
  if (decoded) {
    const auto encoded = encode(*decoded);
    RC_ASSERT(in.size() >= encoded.size());
    RC_ASSERT(std::ranges::equal(encoded, in.first(encoded.size())));
  } else {
    RC_ASSERT(is_expected_error);
  }
}

TEST_CASE("bincode: every message survives a round trip") {
  RATHOLE_PROPERTY("Hello and Auth", [](bool data) {
    const protocol::hello message{data ? protocol::hello_kind::data : protocol::hello_kind::control,
                                  *any_digest()};
    const byte_vector rest = *any_bytes(8);
    const auto encoded = bincode::encode_hello(message);
    const byte_vector followed = byte_vector(encoded.begin(), encoded.end()) + rest;
    RC_ASSERT(holds(bincode::decode_hello(followed), message));
    RC_ASSERT(holds(bincode::decode_auth(bincode::encode_auth(message.digest)), message.digest));
  });
}

/// Checks the round trip, every truncation and every change of one byte of an encoded message: a
/// truncated message is malformed, and a changed one is an error or another message.
template <class Message, std::size_t N>
void check_neighbourhood(const Message& message, const std::array<std::uint8_t, N>& encoded,
                         auto decode) {
  RC_ASSERT(holds(decode(encoded), message));
  for (std::size_t size = 0; size < N; ++size) {
    const auto cut = decode(byte_view(encoded).first(size));
    RC_ASSERT(!cut.has_value());
    RC_ASSERT(cut.error() == errc::malformed_message);
  }
  const auto change = *rc::gen::inRange(1, 256);
  for (std::size_t at = 0; at < N; ++at) {
    auto changed = encoded;
    changed[at] = static_cast<std::uint8_t>(changed[at] ^ change);
    const auto other = decode(changed);
    // RC_ASSERT evaluates both sides of `||`.
    const bool is_same = other && *other == message;
    RC_ASSERT(!is_same);
  }
}

TEST_CASE("bincode: truncated and modified messages never decode as the original") {
  RATHOLE_PROPERTY("messages close to a valid one", [](bool data) {
    const auto kind = data ? protocol::hello_kind::data : protocol::hello_kind::control;
    const protocol::hello hello_message{kind, *any_digest()};
    check_neighbourhood(hello_message, bincode::encode_hello(hello_message), bincode::decode_hello);
    check_neighbourhood(hello_message.digest, bincode::encode_auth(hello_message.digest),
                        bincode::decode_auth);
    for (const auto each : {protocol::ack::ok, protocol::ack::service_not_exist,
                            protocol::ack::authentication_failed, protocol::ack::service_in_use}) {
      check_neighbourhood(each, bincode::encode_ack(each), bincode::decode_ack);
    }
    for (const auto each :
         {protocol::control_command::create_data_channel, protocol::control_command::heartbeat}) {
      check_neighbourhood(each, bincode::encode_control_command(each),
                          bincode::decode_control_command);
    }
    for (const auto each :
         {protocol::data_command::start_forward_tcp, protocol::data_command::start_forward_udp}) {
      check_neighbourhood(each, bincode::encode_data_command(each), bincode::decode_data_command);
    }
  });
}

TEST_CASE("bincode: any bytes decode canonically or are an error") {
  RATHOLE_PROPERTY("any bytes", [] {
    byte_vector in = *any_bytes(50);
    // This draws indices below 256 more often.
    if (in.size() >= 5 && *rc::gen::arbitrary<bool>()) {
      in[0] = static_cast<std::uint8_t>(in[0] % 4);
      std::fill(in.begin() + 1, in.begin() + 4, std::uint8_t{0});
      in[4] = static_cast<std::uint8_t>(in[4] % 3);
    }
    const auto is_malformed = [](const auto& decoded) {
      return !decoded && decoded.error() == errc::malformed_message;
    };
    const auto hello_message = bincode::decode_hello(in);
    const bool is_other_version =
        !hello_message && hello_message.error() == errc::protocol_version_mismatch && in[4] != 1;
    check_canonical(in, hello_message, bincode::encode_hello,
                    is_malformed(hello_message) || is_other_version);
    const auto auth = bincode::decode_auth(in);
    check_canonical(in, auth, bincode::encode_auth, is_malformed(auth));
    const auto ack = bincode::decode_ack(in);
    check_canonical(in, ack, bincode::encode_ack, is_malformed(ack));
    const auto control = bincode::decode_control_command(in);
    check_canonical(in, control, bincode::encode_control_command, is_malformed(control));
    const auto data = bincode::decode_data_command(in);
    check_canonical(in, data, bincode::encode_data_command, is_malformed(data));
  });
}

}  // namespace
}  // namespace rathole::test
