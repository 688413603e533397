#include "../support/machine_steps.hpp"
#include "../support/wire_examples.hpp"

#include <rathole/mux/hello.hpp>
#include <rathole/protocol/hello_reader.hpp>

#include <doctest/doctest.h>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using protocol::hello;
using protocol::hello_kind;
using protocol::hello_reader;
using protocol::wire_protocol;
using protocol::wrong_protocol;

static_assert(Machine<hello_reader<>>);

TEST_CASE("hello_reader: reads a Hello of either kind, and nothing after it") {
  hello_reader<> reader(start + 5s);
  CHECK(reader.deadline() == start + 5s);
  CHECK(reader.wanted() == 37);
  hello expected{};
  SUBCASE("control") {
    expected = {hello_kind::control, digest_of(wire::service_digest)};
    CHECK(reader.feed(wire::client_hello + wire::auth) == 37);
  }
  SUBCASE("multiplexed") {
    const mux::parameters parameters{.initial_window = 0x8000, .max_streams = 0x400};
    expected.kind = hello_kind::multiplexed;
    expected.digest[1] = 0x80;
    expected.digest[5] = 4;
    CHECK(reader.feed(mux::encode_hello(parameters)) == 37);
    CHECK(mux::encode_hello(parameters) == protocol::bincode::encode_hello(expected));
  }
  SUBCASE("data, in pieces") {
    expected = {hello_kind::data, digest_of(wire::session_key)};
    feed(reader, byte_view(wire::data_hello).first(36));
    CHECK(next(reader, start) == std::nullopt);
    CHECK(reader.wanted() == 1);
    CHECK(reader.feed(byte_view(wire::data_hello + wire::auth).subspan(36)) == 1);
  }
  CHECK(reader.wanted() == 0);
  CHECK(next(reader, start) == expected);
  CHECK(next(reader, start + 6s) == std::nullopt);
  CHECK(reader.wanted() == 0);
  CHECK(reader.feed(wire::auth) == 0);
  CHECK(reader.deadline() == std::nullopt);
  CHECK(sent(reader).empty());
}

TEST_CASE("hello_reader: anything else is an error, and nothing is sent") {
  hello_reader<> reader(start + 5s);
  SUBCASE("a web browser") {
    feed(reader, text("GET / HTTP/1.1\r\nHost: example.com:2333\r\n").first(37));
    CHECK(error(reader, start) == wrong_protocol(wire_protocol::http));
  }
  SUBCASE("the beginning of TLS, without waiting for more bytes") {
    feed(reader, byte_vector{0x16, 3, 1, 2});
    CHECK(next(reader, start) == std::nullopt);
    feed(reader, byte_vector{0});
    CHECK(error(reader, start) == wrong_protocol(wire_protocol::tls));
  }
  SUBCASE("text") {
    feed(reader, text("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n").first(37));
    CHECK(error(reader, start) == errc::malformed_message);
  }
  SUBCASE("another version") {
    byte_vector other = wire::client_hello;
    other[4] = 0;
    feed(reader, other);
    CHECK(error(reader, start) == errc::protocol_version_mismatch);
  }
  SUBCASE("nothing") {
    feed(reader, byte_view(wire::client_hello).first(36));
    CHECK(next(reader, start + 5s - 1ns) == std::nullopt);
    CHECK(error(reader, start + 5s) == errc::timed_out);
  }
  CHECK(sent(reader).empty());
}

}  // namespace
}  // namespace rathole::test
