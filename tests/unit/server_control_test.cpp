#include "../support/machine_steps.hpp"
#include "../support/wire_examples.hpp"

#include <rathole/protocol/authenticate.hpp>
#include <rathole/protocol/server_control.hpp>

#include <doctest/doctest.h>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using protocol::server_control;
using event = protocol::server_control_event;

static_assert(Machine<server_control<>>);

server_control<> machine(duration heartbeat_interval = 30s) {
  return {digest_of(wire::nonce), true, heartbeat_interval, start + 5s};
}

/// Returns a machine whose owner has to decide.
server_control<> deciding() {
  server_control<> out = machine();
  CHECK(sent(out) == to_hex(wire::server_hello));
  feed(out, wire::auth);
  CHECK(next(out, start) == event::auth_arrived);
  return out;
}

server_control<> established(duration heartbeat_interval = 30s) {
  server_control<> out = machine(heartbeat_interval);
  feed(out, wire::auth);
  CHECK(next(out, start) == event::auth_arrived);
  out.approve();
  CHECK(next(out, start) == event::authenticated);
  out.accept(start);
  CHECK(sent(out) == to_hex(wire::server_hello + wire::ack_ok));
  return out;
}

TEST_CASE("server_control: Hello, Auth, Ack when the owner accepts, commands") {
  server_control<> control = machine();
  CHECK(sent(control) == to_hex(wire::server_hello));
  CHECK(control.wanted() == 32);
  CHECK(control.deadline() == start + 5s);

  feed(control, wire::auth);
  CHECK(next(control, start) == event::auth_arrived);
  CHECK(control.auth() == digest_of(wire::session_key));
  control.approve();
  CHECK(next(control, start) == event::authenticated);
  CHECK(next(control, start) == std::nullopt);
  CHECK(control.deadline() == std::nullopt);
  CHECK(sent(control).empty());

  control.accept(start + 1s);
  for (int i = 0; i < 2; ++i) control.request_data_channel(start + 1s);
  CHECK(sent(control) ==
        to_hex(wire::ack_ok + wire::create_data_channel + wire::create_data_channel));
}

TEST_CASE("server_control: an unknown service is reported without waiting for the Auth") {
  server_control<> control(digest_of(wire::nonce), false, 30s, start + 5s);
  CHECK(error(control, start) == errc::service_not_exist);
  CHECK(control.feed(wire::auth) == 0);
  CHECK(sent(control) == to_hex(wire::server_hello + wire::ack_service_not_exist));
  CHECK(sent(control).empty());
}

TEST_CASE("server_control: a client that the owner refuses gets the Ack for a wrong token") {
  server_control<> control = deciding();
  control.refuse();
  CHECK(error(control, start) == errc::authentication_failed);
  CHECK(sent(control) == to_hex(wire::ack_authentication_failed));
  CHECK(sent(control).empty());
}

TEST_CASE("server_control: a client that is not taken gets the Ack that says so") {
  server_control<> control = deciding();
  control.approve();
  CHECK(next(control, start) == event::authenticated);
  control.refuse_in_use();
  CHECK(error(control, start) == errc::service_in_use);
  CHECK(sent(control) == "03000000");
  CHECK(sent(control).empty());
}

TEST_CASE("server_control: the owner gets any Auth, whichever byte differs") {
  const protocol::client_proof right(digest_of(wire::nonce), digest_of(to_hex(wire::auth)));
  CHECK(right.matches(secret("use_a_secret")));
  CHECK(!right.matches(secret("another")));
  CHECK(!right.matches(secret()));
  for (std::size_t byte = 0; byte < wire::auth.size(); ++byte) {
    CAPTURE(byte);
    server_control<> control = machine();
    byte_vector wrong = wire::auth;
    wrong[byte] ^= 0x80;
    feed(control, wrong);
    CHECK(next(control, start) == event::auth_arrived);
    CHECK(control.auth() == digest_of(to_hex(wrong)));
    const protocol::client_proof proof(digest_of(wire::nonce), control.auth());
    CHECK(!proof.matches(secret("use_a_secret")));
  }
}

TEST_CASE("server_control: the owner may decide until the deadline, and nothing is sent before") {
  server_control<> control = deciding();
  CHECK(control.deadline() == start + 5s);
  CHECK(next(control, start + 5s - 1ns) == std::nullopt);
  CHECK(sent(control).empty());
  SUBCASE("approved in time") {
    control.approve();
    CHECK(next(control, start + 5s) == event::authenticated);
    CHECK(control.deadline() == std::nullopt);
    CHECK(sent(control).empty());
    control.accept(start + 5s);
    CHECK(sent(control) == to_hex(wire::ack_ok));
  }
  SUBCASE("refused in time") {
    control.refuse();
    CHECK(error(control, start + 5s) == errc::authentication_failed);
    CHECK(sent(control) == to_hex(wire::ack_authentication_failed));
  }
  SUBCASE("too late") {
    CHECK(error(control, start + 5s) == errc::timed_out);
    SUBCASE("approved") { control.approve(); }
    SUBCASE("refused") { control.refuse(); }
    CHECK(error(control, start + 5s) == errc::timed_out);
    CHECK(sent(control).empty());
  }
}

TEST_CASE("server_control: the Auth has a deadline, after which nothing is sent") {
  server_control<> control = machine();
  feed(control, byte_view(wire::auth).first(31));
  CHECK(next(control, start + 5s - 1ns) == std::nullopt);
  CHECK(error(control, start + 5s) == errc::timed_out);
  CHECK(sent(control) == to_hex(wire::server_hello));
}

TEST_CASE("server_control: it reads the Auth and no more, and later discards input") {
  server_control<> control = machine();
  CHECK(control.feed(wire::auth + wire::heartbeat) == 32);
  CHECK(control.feed(wire::heartbeat) == 0);
  CHECK(next(control, start) == event::auth_arrived);
  CHECK(control.wanted() > 0);
  CHECK(control.feed(wire::heartbeat) == 4);
  CHECK(next(control, start) == std::nullopt);
  control.approve();
  CHECK(next(control, start) == event::authenticated);
  CHECK(control.wanted() > 0);
  CHECK(control.feed(wire::heartbeat) == 4);
  control.accept(start);
  CHECK(control.wanted() > 0);
  CHECK(control.feed(byte_vector(10'000)) == server_control<>::discarded_at_once);
  CHECK(next(control, start) == std::nullopt);
  CHECK(sent(control) == to_hex(wire::server_hello + wire::ack_ok));
}

TEST_CASE("server_control: a heartbeat after an interval without a command") {
  server_control<> control = established(30s);
  CHECK(control.deadline() == start + 30s);
  CHECK(next(control, start + 30s - 1ns) == std::nullopt);
  CHECK(sent(control).empty());

  CHECK(next(control, start + 30s) == std::nullopt);
  CHECK(sent(control) == to_hex(wire::heartbeat));
  CHECK(control.deadline() == start + 60s);
  CHECK(next(control, start + 30s) == std::nullopt);
  CHECK(sent(control).empty());

  control.request_data_channel(start + 50s);
  CHECK(control.deadline() == start + 80s);
  CHECK(next(control, start + 60s) == std::nullopt);
  CHECK(sent(control) == to_hex(wire::create_data_channel));
  CHECK(next(control, start + 81s) == std::nullopt);
  CHECK(sent(control) == to_hex(wire::heartbeat));
  CHECK(control.deadline() == start + 111s);
}

TEST_CASE("server_control: heartbeats do not pile up for a peer that reads nothing") {
  server_control<> control = established(30s);
  for (int i = 1; i <= 1'000; ++i) CHECK(next(control, start + i * 30s) == std::nullopt);
  CHECK(sent(control) == to_hex(wire::heartbeat));
}

TEST_CASE("server_control: a heartbeat interval of 0 sends none") {
  server_control<> control = established(0s);
  CHECK(control.deadline() == std::nullopt);
  control.request_data_channel(start);
  CHECK(control.deadline() == std::nullopt);
  CHECK(next(control, start + 100h) == std::nullopt);
  CHECK(sent(control) == to_hex(wire::create_data_channel));
}

TEST_CASE("server_control: a new heartbeat interval counts from when it is set") {
  server_control<> control = established(30s);
  control.set_heartbeat_interval(30s, start + 20s);
  CHECK(control.deadline() == start + 30s);
  control.set_heartbeat_interval(50s, start + 20s);
  CHECK(control.deadline() == start + 70s);
  control.set_heartbeat_interval(5s, start + 60s);
  CHECK(control.deadline() == start + 65s);
  CHECK(next(control, start + 65s) == std::nullopt);
  CHECK(sent(control) == to_hex(wire::heartbeat));
  CHECK(control.deadline() == start + 70s);
  control.set_heartbeat_interval(0s, start + 66s);
  CHECK(control.deadline() == std::nullopt);
  control.set_heartbeat_interval(5s, start + 100s);
  CHECK(control.deadline() == start + 105s);
}

TEST_CASE("server_control: an interval set before the client is accepted applies then") {
  server_control<> control = machine(30s);
  control.set_heartbeat_interval(7s, start);
  CHECK(control.deadline() == start + 5s);
  feed(control, wire::auth);
  CHECK(next(control, start + 1s) == event::auth_arrived);
  CHECK(control.deadline() == start + 5s);
  control.approve();
  CHECK(next(control, start + 1s) == event::authenticated);
  control.set_heartbeat_interval(8s, start + 1s);
  CHECK(control.deadline() == std::nullopt);
  control.accept(start + 2s);
  CHECK(control.deadline() == start + 10s);
  SUBCASE("and does not wake a machine that has failed") {
    server_control<> unknown(digest_of(wire::nonce), false, 30s, start + 5s);
    unknown.set_heartbeat_interval(7s, start);
    CHECK(unknown.deadline() == std::nullopt);
    CHECK(error(unknown, start + 8s) == errc::service_not_exist);
  }
}

}  // namespace
}  // namespace rathole::test
