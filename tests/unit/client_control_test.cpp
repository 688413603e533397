#include "../support/machine_steps.hpp"
#include "../support/wire_examples.hpp"

#include <rathole/protocol/client_control.hpp>

#include <doctest/doctest.h>

#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using protocol::client_control;
using event = protocol::client_control_event;

static_assert(Machine<client_control<>>);

client_control<> machine(duration heartbeat_timeout = 40s) {
  return {digest_of(wire::service_digest), secret("use_a_secret"), 10s, heartbeat_timeout, start};
}

client_control<> established(duration heartbeat_timeout = 40s) {
  client_control<> out = machine(heartbeat_timeout);
  feed(out, wire::server_hello);
  CHECK(next(out, start) == std::nullopt);
  feed(out, wire::ack_ok);
  CHECK(next(out, start) == event::established);
  CHECK(sent(out) == to_hex(wire::client_hello + wire::auth));
  return out;
}

TEST_CASE("client_control: Hello, Hello, Auth, Ack, commands") {
  client_control<> control = machine();
  CHECK(sent(control) == to_hex(wire::client_hello));
  CHECK(sent(control).empty());
  CHECK(next(control, start) == std::nullopt);
  CHECK(control.wanted() == 37);

  feed(control, wire::server_hello);
  CHECK(control.wanted() == 0);
  CHECK(next(control, start) == std::nullopt);
  CHECK(sent(control) == to_hex(wire::auth));
  CHECK(to_hex(control.session_key()) == wire::session_key);
  CHECK(control.wanted() == 4);

  feed(control, wire::ack_ok);
  CHECK(next(control, start) == event::established);
  CHECK(next(control, start) == std::nullopt);

  feed(control, wire::create_data_channel + wire::heartbeat + wire::create_data_channel);
  CHECK(next(control, start) == event::create_data_channel);
  CHECK(next(control, start) == event::heartbeat);
  CHECK(next(control, start) == event::create_data_channel);
  CHECK(next(control, start) == std::nullopt);
  CHECK(sent(control).empty());
  CHECK(to_hex(control.session_key()) == wire::session_key);
}

TEST_CASE("client_control: during the handshake it reads only the expected message") {
  client_control<> control = machine();
  const byte_vector all = wire::server_hello + wire::ack_service_not_exist;
  CHECK(control.feed(all) == 37);
  CHECK(control.feed(byte_view(all).subspan(37)) == 0);
  CHECK(next(control, start) == std::nullopt);
  CHECK(control.feed(byte_view(all).subspan(37)) == 4);
  CHECK(error(control, start) == errc::service_not_exist);
}

TEST_CASE("client_control: a command may arrive in pieces") {
  client_control<> control = established();
  feed(control, bytes("01 00 00"));
  CHECK(next(control, start) == std::nullopt);
  feed(control, bytes("00 00"));
  CHECK(next(control, start) == event::heartbeat);
  CHECK(next(control, start) == std::nullopt);
}

TEST_CASE("client_control: a bounded number of commands is buffered") {
  client_control<> control = established();
  const byte_vector flood(10'000);
  CHECK(control.feed(flood) == client_control<>::max_buffered);
  CHECK(control.feed(flood) == 0);
  CHECK(next(control, start) == event::create_data_channel);
  CHECK(control.wanted() == 4);
  CHECK(control.feed(flood) == 4);
}

TEST_CASE("client_control: a negative Ack becomes its error") {
  client_control<> control = machine();
  feed(control, wire::server_hello);
  CHECK(next(control, start) == std::nullopt);
  SUBCASE("unknown service") {
    feed(control, wire::ack_service_not_exist);
    CHECK(error(control, start) == errc::service_not_exist);
  }
  SUBCASE("wrong token") {
    feed(control, wire::ack_authentication_failed);
    CHECK(error(control, start) == errc::authentication_failed);
  }
  SUBCASE("a service that takes no more clients") {
    feed(control, bytes("03 00 00 00"));
    CHECK(error(control, start) == errc::service_in_use);
  }
  SUBCASE("not an Ack") {
    feed(control, bytes("04 00 00 00"));
    CHECK(error(control, start) == errc::malformed_message);
  }
}

TEST_CASE("client_control: anything but a control Hello is an error") {
  client_control<> control = machine();
  byte_vector hello = wire::server_hello;
  SUBCASE("a data Hello") {
    hello[0] = 1;
    feed(control, hello);
    CHECK(error(control, start) == errc::unexpected_hello);
  }
  SUBCASE("another version") {
    hello[4] = 2;
    feed(control, hello);
    CHECK(error(control, start) == errc::protocol_version_mismatch);
  }
  SUBCASE("no Hello at all") {
    hello[3] = 1;
    feed(control, hello);
    CHECK(error(control, start) == errc::malformed_message);
  }
  SUBCASE("a TLS alert, which is shorter than a Hello") {
    feed(control, bytes("15 03 03 00 02 02 46"));
    CHECK(error(control, start) == protocol::wrong_protocol(protocol::wire_protocol::tls));
  }
  CHECK(sent(control) == to_hex(wire::client_hello));
}

TEST_CASE("client_control: an unknown command is an error") {
  client_control<> control = established();
  feed(control, wire::heartbeat + bytes("02 00 00 00") + wire::heartbeat);
  CHECK(next(control, start) == event::heartbeat);
  CHECK(error(control, start) == errc::malformed_message);
  CHECK(control.feed(wire::heartbeat) == 0);
}

TEST_CASE(
    "client_control: Hello and Ack have a deadline each, which partial input does not extend") {
  client_control<> control = machine();
  CHECK(control.deadline() == start + 10s);
  CHECK(next(control, start + 10s - 1ns) == std::nullopt);
  SUBCASE("no Hello") {
    feed(control, byte_view(wire::server_hello).first(36));
    CHECK(error(control, start + 10s) == errc::timed_out);
  }
  SUBCASE("no Ack") {
    feed(control, wire::server_hello);
    CHECK(next(control, start + 9s) == std::nullopt);
    CHECK(control.deadline() == start + 19s);
    feed(control, byte_view(wire::ack_ok).first(3));
    CHECK(next(control, start + 19s - 1ns) == std::nullopt);
    CHECK(error(control, start + 19s) == errc::timed_out);
  }
}

TEST_CASE("client_control: received input counts, however late it is polled") {
  client_control<> control = machine();
  feed(control, wire::server_hello);
  CHECK(next(control, start + 1s) == std::nullopt);
  feed(control, wire::ack_ok);
  CHECK(next(control, start + 11s) == event::established);
  CHECK(control.deadline() == start + 51s);
  feed(control, wire::heartbeat);
  CHECK(next(control, start + 99s) == event::heartbeat);
  CHECK(next(control, start + 99s) == std::nullopt);
}

TEST_CASE("client_control: any complete command restarts the heartbeat time-out") {
  client_control<> control = established(40s);
  CHECK(control.deadline() == start + 40s);
  feed(control, wire::create_data_channel);
  CHECK(next(control, start + 39s) == event::create_data_channel);
  CHECK(control.deadline() == start + 79s);
  feed(control, wire::heartbeat);
  CHECK(next(control, start + 78s) == event::heartbeat);
  CHECK(control.deadline() == start + 118s);
  feed(control, bytes("01 00 00"));
  CHECK(next(control, start + 118s - 1ns) == std::nullopt);
  CHECK(error(control, start + 118s) == errc::heartbeat_timed_out);
}

TEST_CASE("client_control: a heartbeat time-out of 0 means no limit") {
  client_control<> control = established(0s);
  CHECK(control.deadline() == std::nullopt);
  CHECK(next(control, start + 100h) == std::nullopt);
}

TEST_CASE("client_control: a new heartbeat time-out counts from when it is set") {
  client_control<> control = established(40s);
  control.set_heartbeat_timeout(40s, start + 30s);
  CHECK(control.deadline() == start + 40s);
  control.set_heartbeat_timeout(20s, start + 30s);
  CHECK(control.deadline() == start + 50s);
  control.set_heartbeat_timeout(0s, start + 40s);
  CHECK(control.deadline() == std::nullopt);
  control.set_heartbeat_timeout(10s, start + 60s);
  feed(control, wire::heartbeat);
  CHECK(next(control, start + 65s) == event::heartbeat);
  CHECK(error(control, start + 75s) == errc::heartbeat_timed_out);
  control.set_heartbeat_timeout(20s, start + 75s);
  CHECK(control.deadline() == std::nullopt);
}

TEST_CASE("client_control: a heartbeat time-out set during the handshake applies after it") {
  client_control<> control = machine(40s);
  control.set_heartbeat_timeout(5s, start + 1s);
  CHECK(control.deadline() == start + 10s);
  feed(control, wire::server_hello);
  CHECK(next(control, start + 1s) == std::nullopt);
  feed(control, wire::ack_ok);
  CHECK(next(control, start + 2s) == event::established);
  CHECK(control.deadline() == start + 7s);
}

}  // namespace
}  // namespace rathole::test
