#include "../support/machine_laws.hpp"
#include "../support/wire_examples.hpp"

#include <rathole/protocol/client_control.hpp>
#include <rathole/protocol/client_data.hpp>
#include <rathole/protocol/hello_reader.hpp>
#include <rathole/protocol/server_control.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <string>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;

/// Draws mostly what a peer would send, in order, but with a byte changed, truncated, or followed
/// by any bytes; sometimes any bytes.
byte_vector any_input(const std::vector<byte_vector>& opening,
                      const std::vector<byte_vector>& continuation) {
  byte_vector out;
  if (*rc::gen::inRange(0, 10) > 0) {
    for (const byte_vector& message : opening) out = std::move(out) + message;
  }
  const int more = *rc::gen::inRange(0, 100);
  for (int i = 0; i < more && !continuation.empty(); ++i) {
    out = std::move(out) + *rc::gen::elementOf(continuation);
  }
  switch (*rc::gen::inRange(0, 4)) {
    case 0:
      if (!out.empty()) {
        const auto at = *rc::gen::inRange<std::size_t>(0, out.size());
        out[at] = *rc::gen::arbitrary<std::uint8_t>();
      }
      break;
    case 1: out.resize(*rc::gen::inRange<std::size_t>(0, out.size() + 1)); break;
    case 2: out = std::move(out) + *any_bytes(64); break;
    default: break;
  }
  return out;
}

template <class... Messages>
byte_vector one_of(const Messages&... messages) {
  return *rc::gen::elementOf(std::vector<byte_vector>{messages...});
}

protocol::client_control<> client_control() {
  return {digest_of(wire::service_digest), secret("use_a_secret"), 10s, 40s, laws::now};
}

TEST_CASE("client_control: obeys the laws of Machine") {
  RATHOLE_PROPERTY("client_control", [] {
    const byte_vector ack = one_of(wire::ack_ok, wire::ack_ok, wire::ack_service_not_exist,
                                   wire::ack_authentication_failed);
    laws::check(client_control(),
                any_input({wire::server_hello, ack}, {wire::create_data_channel, wire::heartbeat}));
  });
  RATHOLE_PROPERTY("client_control is bounded", [] {
    protocol::client_control<> control = client_control();
    laws::check_bounded(control, protocol::client_control<>::max_buffered);
    control.feed(wire::server_hello);
    RC_ASSERT(control.poll(laws::now).has_value());
    laws::check_bounded(control, protocol::client_control<>::max_buffered);
    control.feed(wire::ack_ok);
    RC_ASSERT(control.poll(laws::now).has_value());
    control.feed(*any_bytes(3));
    laws::check_bounded(control, protocol::client_control<>::max_buffered);
  });
}

TEST_CASE("hello_reader: obeys the laws of Machine") {
  RATHOLE_PROPERTY("hello_reader", [] {
    laws::check(protocol::hello_reader<>(laws::now + 5s),
                any_input({one_of(wire::client_hello, wire::data_hello)}, {wire::auth}));
  });
  RATHOLE_PROPERTY("hello_reader is bounded",
                   [] { laws::check_bounded(protocol::hello_reader<>(laws::now + 5s), 37); });
}

TEST_CASE("server_control: obeys the laws of Machine") {
  const auto accept = [](protocol::server_control<>& control, protocol::server_control_event seen) {
    if (seen == protocol::server_control_event::auth_arrived) {
      const bool is_right = control.auth() == digest_of(wire::session_key);
      return is_right ? control.approve() : control.refuse();
    }
    control.accept(laws::now);
    control.request_data_channel(laws::now);
  };
  RATHOLE_PROPERTY("server_control", [=] {
    const byte_vector auth = one_of(wire::auth, wire::auth, byte_vector(32));
    laws::check(protocol::server_control<>(digest_of(wire::nonce), true, 30s, laws::now + 5s),
                any_input({auth}, {wire::heartbeat}), accept);
  });
  RATHOLE_PROPERTY("server_control of an unknown service", [=] {
    laws::check(protocol::server_control<>(digest_of(wire::nonce), false, 30s, laws::now + 5s),
                any_input({wire::auth}, {}), accept);
  });
  RATHOLE_PROPERTY("server_control is bounded", [] {
    laws::check_bounded(protocol::server_control<>(*any_digest(), true, 30s, laws::now + 5s), 32);
  });
}

TEST_CASE("client_data: obeys the laws of Machine") {
  RATHOLE_PROPERTY("client_data", [] {
    laws::check(
        protocol::client_data<>(*any_digest()),
        any_input({one_of(wire::start_forward_tcp, wire::start_forward_udp)}, {wire::auth}));
  });
  RATHOLE_PROPERTY("client_data is bounded",
                   [] { laws::check_bounded(protocol::client_data<>(*any_digest()), 4); });
}

TEST_CASE("control channel: its two ends work together") {
  RATHOLE_PROPERTY("control channel", [](bool right_token, bool known_service) {
    const secret token(std::string(*rc::gen::arbitrary<std::string>()));
    const secret server_token = right_token ? token : secret(std::string(token.view()) + "x");
    const protocol::digest nonce = *any_digest();
    protocol::client_control<> client(*any_digest(), token, 10s, 40s, laws::now);
    protocol::server_control<> server(nonce, known_service, 30s, laws::now + 5s);

    byte_buffer to_server;
    byte_buffer to_client;
    client.transmit(to_server);
    to_server.consume(37);
    server.transmit(to_client);
    to_client.consume(client.feed(to_client.data()));
    RC_ASSERT(client.poll(laws::now).has_value());
    client.transmit(to_server);

    to_server.consume(server.feed(to_server.data()));
    if (server.poll(laws::now)) {
      const protocol::client_proof proof(nonce, server.auth());
      if (proof.matches(server_token)) {
        server.approve();
      } else {
        server.refuse();
      }
    }
    const auto verdict = server.poll(laws::now);
    const int requests = *rc::gen::inRange(0, 60);
    if (verdict) {
      server.accept(laws::now);
      for (int i = 0; i < requests; ++i) server.request_data_channel(laws::now);
    }
    server.transmit(to_client);
    to_client.consume(client.feed(to_client.data()));
    const auto established = client.poll(laws::now);
    if (right_token && known_service) {
      RC_ASSERT(client.session_key() == server.auth());
      RC_ASSERT(holds(established, protocol::client_control_event::established));
      to_client.consume(client.feed(to_client.data()));
      for (int i = 0; i < requests; ++i) {
        RC_ASSERT(
            holds(client.poll(laws::now), protocol::client_control_event::create_data_channel));
      }
      RC_ASSERT(holds(client.poll(laws::now), std::nullopt));
    } else {
      RC_ASSERT(!verdict.has_value());
      RC_ASSERT(!established.has_value());
      RC_ASSERT(established.error() == verdict.error());
    }
  });
}

}  // namespace
}  // namespace rathole::test
