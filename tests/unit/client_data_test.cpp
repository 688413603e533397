#include "../support/machine_steps.hpp"
#include "../support/wire_examples.hpp"

#include <rathole/protocol/client_data.hpp>

#include <doctest/doctest.h>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using protocol::client_data;
using protocol::data_command;

static_assert(Machine<client_data<>>);

TEST_CASE("client_data: reads the Hello and the command, and no traffic after it") {
  client_data<> channel(digest_of(wire::session_key));
  CHECK(sent(channel) == to_hex(wire::data_hello));
  CHECK(sent(channel).empty());
  CHECK(channel.wanted() == 4);
  CHECK(channel.deadline() == std::nullopt);
  CHECK(next(channel, start + 1000h) == std::nullopt);

  data_command expected{};
  SUBCASE("tcp") {
    expected = data_command::start_forward_tcp;
    CHECK(channel.feed(wire::start_forward_tcp + bytes("de ad")) == 4);
  }
  SUBCASE("udp, in pieces") {
    expected = data_command::start_forward_udp;
    feed(channel, bytes("01"));
    CHECK(next(channel, start) == std::nullopt);
    CHECK(channel.wanted() == 3);
    CHECK(channel.feed(bytes("00 00 00 de ad")) == 3);
  }
  CHECK(channel.wanted() == 0);
  CHECK(next(channel, start) == expected);
  CHECK(next(channel, start) == std::nullopt);
  CHECK(channel.wanted() == 0);
  CHECK(channel.feed(bytes("de ad")) == 0);
}

TEST_CASE("client_data: an unknown command is an error") {
  client_data<> channel(digest_of(wire::session_key));
  feed(channel, bytes("02 00 00 00"));
  CHECK(error(channel, start) == errc::malformed_message);
}

}  // namespace
}  // namespace rathole::test
