#include "../support/wire_examples.hpp"

#include <rathole/core/hex.hpp>
#include <rathole/protocol/bincode.hpp>
#include <rathole/protocol/codec.hpp>

#include <doctest/doctest.h>

#include <vector>

namespace rathole::test {
namespace {

using protocol::ack;
using protocol::bincode;
using protocol::control_command;
using protocol::data_command;
using protocol::hello;
using protocol::hello_kind;

static_assert(protocol::Codec<bincode>);
static_assert(bincode::hello_size == 37);
static_assert(bincode::auth_size == 32);
static_assert(bincode::ack_size == 4);
static_assert(bincode::control_command_size == 4);
static_assert(bincode::data_command_size == 4);

TEST_CASE("bincode: the three Hellos") {
  struct example {
    hello message;
    byte_vector encoded;
  };
  const std::vector<example> examples{
      {{hello_kind::control, digest_of(wire::service_digest)}, wire::client_hello},
      {{hello_kind::control, digest_of(wire::nonce)}, wire::server_hello},
      {{hello_kind::data, digest_of(wire::session_key)}, wire::data_hello},
  };
  for (const example& one : examples) {
    CAPTURE(to_hex(one.encoded));
    CHECK(to_hex(bincode::encode_hello(one.message)) == to_hex(one.encoded));
    CHECK(bincode::decode_hello(one.encoded) == one.message);
  }
}

TEST_CASE("bincode: Auth") {
  const protocol::digest key = digest_of(wire::session_key);
  CHECK(to_hex(bincode::encode_auth(key)) == to_hex(wire::auth));
  CHECK(bincode::decode_auth(wire::auth) == key);
}

TEST_CASE("bincode: every Ack and command") {
  const auto check = [](auto encode, auto decode, auto message, const byte_vector& encoded) {
    CAPTURE(to_hex(encoded));
    CHECK(to_hex(encode(message)) == to_hex(encoded));
    CHECK(decode(encoded) == message);
  };
  const auto check_ack = [&](ack message, const byte_vector& encoded) {
    check(bincode::encode_ack, bincode::decode_ack, message, encoded);
  };
  check_ack(ack::ok, wire::ack_ok);
  check_ack(ack::service_not_exist, wire::ack_service_not_exist);
  check_ack(ack::authentication_failed, wire::ack_authentication_failed);
  check_ack(ack::service_in_use, byte_vector{3, 0, 0, 0});

  const auto check_control = [&](control_command message, const byte_vector& encoded) {
    check(bincode::encode_control_command, bincode::decode_control_command, message, encoded);
  };
  check_control(control_command::create_data_channel, wire::create_data_channel);
  check_control(control_command::heartbeat, wire::heartbeat);

  const auto check_data = [&](data_command message, const byte_vector& encoded) {
    check(bincode::encode_data_command, bincode::decode_data_command, message, encoded);
  };
  check_data(data_command::start_forward_tcp, wire::start_forward_tcp);
  check_data(data_command::start_forward_udp, wire::start_forward_udp);
}

TEST_CASE("bincode: bytes after a message are ignored") {
  const byte_vector more = bytes("ff ff");
  CHECK(bincode::decode_hello(wire::data_hello + more).has_value());
  CHECK(bincode::decode_auth(wire::auth + more).has_value());
  CHECK(bincode::decode_ack(wire::ack_ok + more) == ack::ok);
}

TEST_CASE("bincode: another version is distinguished from a malformed Hello") {
  for (const int version : {0, 2, 255}) {
    byte_vector other = wire::client_hello;
    other[4] = static_cast<std::uint8_t>(version);
    const result<hello> decoded = bincode::decode_hello(other);
    REQUIRE(!decoded);
    CHECK(decoded.error() == errc::protocol_version_mismatch);
  }
}

TEST_CASE("bincode: unknown variants are malformed, in every byte of the index") {
  const auto is_malformed = [](const auto& decoded) {
    return !decoded && decoded.error() == errc::malformed_message;
  };
  CHECK(is_malformed(bincode::decode_ack(bytes("04 00 00 00"))));
  CHECK(is_malformed(bincode::decode_control_command(bytes("02 00 00 00"))));
  CHECK(is_malformed(bincode::decode_data_command(bytes("02 00 00 00"))));
  for (std::size_t byte = 1; byte < 4; ++byte) {
    byte_vector variant = wire::ack_ok;
    variant[byte] = 1;
    CAPTURE(to_hex(variant));
    CHECK(is_malformed(bincode::decode_ack(variant)));
    CHECK(is_malformed(bincode::decode_control_command(variant)));
    CHECK(is_malformed(bincode::decode_data_command(variant)));
    byte_vector hello_bytes = wire::client_hello;
    hello_bytes[byte] = 1;
    CHECK(is_malformed(bincode::decode_hello(hello_bytes)));
  }
  byte_vector hello_bytes = wire::client_hello;
  hello_bytes[0] = 3;
  CHECK(is_malformed(bincode::decode_hello(hello_bytes)));
}

TEST_CASE("bincode: too few bytes are malformed") {
  for (std::size_t size = 0; size < wire::client_hello.size(); ++size) {
    CAPTURE(size);
    const byte_view part = byte_view(wire::client_hello).first(size);
    CHECK(bincode::decode_hello(part).error() == errc::malformed_message);
    CHECK(bincode::decode_auth(part).has_value() == (size >= bincode::auth_size));
    CHECK(bincode::decode_ack(part).has_value() == (size >= bincode::ack_size));
  }
}

}  // namespace
}  // namespace rathole::test
