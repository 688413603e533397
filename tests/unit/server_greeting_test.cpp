#include "../support/machine_steps.hpp"
#include "../support/wire_examples.hpp"

#include <rathole/protocol/server_greeting.hpp>

#include <doctest/doctest.h>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using protocol::hello;
using protocol::hello_kind;
using protocol::server_greeting;
using protocol::spoke;
using protocol::wire_look;

static_assert(Machine<server_greeting<>>);

TEST_CASE("server_greeting: a Hello of either kind, and nothing behind it") {
  server_greeting<> greeting(start + 5s);
  CHECK(greeting.deadline() == start + 5s);
  CHECK(greeting.wanted() == 37);
  hello expected{};
  SUBCASE("control") {
    expected = {hello_kind::control, digest_of(wire::service_digest)};
    CHECK(greeting.feed(wire::client_hello + wire::auth) == 37);
  }
  SUBCASE("data, in pieces") {
    expected = {hello_kind::data, digest_of(wire::session_key)};
    feed(greeting, byte_view(wire::data_hello).first(36));
    CHECK(next(greeting, start) == std::nullopt);
    CHECK(greeting.wanted() == 1);
    CHECK(greeting.feed(byte_view(wire::data_hello + wire::auth).subspan(36)) == 1);
  }
  CHECK(greeting.wanted() == 0);
  CHECK(next(greeting, start) == expected);
  CHECK(next(greeting, start + 6s) == std::nullopt);
  CHECK(greeting.wanted() == 0);
  CHECK(greeting.feed(wire::auth) == 0);
  CHECK(greeting.deadline() == std::nullopt);
  CHECK(sent(greeting).empty());
}

TEST_CASE("server_greeting: what is no Hello ends it, and nothing is sent") {
  server_greeting<> greeting(start + 5s);
  SUBCASE("a web browser") {
    feed(greeting, text("GET / HTTP/1.1\r\nHost: example.com:2333\r\n").first(37));
    CHECK(error(greeting, start) == spoke(wire_look::http));
  }
  SUBCASE("the beginning of TLS, for which no more bytes are waited") {
    feed(greeting, octet_vector{0x16, 3, 1, 2});
    CHECK(next(greeting, start) == std::nullopt);
    feed(greeting, octet_vector{0});
    CHECK(error(greeting, start) == spoke(wire_look::tls));
  }
  SUBCASE("text") {
    feed(greeting, text("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n").first(37));
    CHECK(error(greeting, start) == errc::malformed_message);
  }
  SUBCASE("another version") {
    octet_vector other = wire::client_hello;
    other[4] = 0;
    feed(greeting, other);
    CHECK(error(greeting, start) == errc::protocol_version_mismatch);
  }
  SUBCASE("silence") {
    feed(greeting, byte_view(wire::client_hello).first(36));
    CHECK(next(greeting, start + 5s - 1ns) == std::nullopt);
    CHECK(error(greeting, start + 5s) == errc::timed_out);
  }
  CHECK(sent(greeting).empty());
}

}  // namespace
}  // namespace rathole::test
