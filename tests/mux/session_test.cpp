#include "session_steps.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <system_error>

namespace rathole::test {
namespace {

using mux::mux_errc;
using mux::role;

TEST_CASE("session: begins with a ping, which measures the round trip") {
  tested_session client(role::client);
  CHECK(client.sent() == lines{"ping syn 0 +1"});
  CHECK(!client.session.round_trip());
  client.now += 30ms;
  CHECK(client.receive(ping(ack, 1)).empty());
  CHECK(client.session.round_trip() == 30ms);
  CHECK(client.sent().empty());
}

TEST_CASE("session: answers pings") {
  tested_session server(role::server);
  server.sent();
  CHECK(server.receive(ping(syn, 7) + ping(syn, 8)).empty());
  CHECK(server.sent() == lines{"ping ack 0 +7", "ping ack 0 +8"});
}

TEST_CASE("session: the first Data frame opens a stream") {
  tested_session client(role::client);
  client.sent();
  const mux::stream_id id = client.open();
  CHECK(id == 1);
  client.session.set_wish(id, mux::wish::bytes);
  CHECK(!client.session.has_output());
  CHECK(client.send(id, 5) == "data syn 1 +5");
  CHECK(client.send(id, 6) == "data 1 +6");
  CHECK(client.open() == 3);
}

TEST_CASE("session: a stream without data is opened by a window update") {
  tested_session client(role::client);
  client.sent();
  CHECK(client.open() == 1);
  CHECK(!client.session.next_sender());
  CHECK(client.sent() == lines{"update syn 1 +0"});
  CHECK(client.send(1, 5) == "data 1 +5");
}

TEST_CASE("session: streams are announced in the order of their ids") {
  tested_session client(role::client);
  client.sent();
  for (int i = 0; i < 3; ++i) client.open();
  client.session.set_wish(5, mux::wish::bytes);
  client.session.set_wish(3, mux::wish::end);
  CHECK(!client.session.next_sender());
  CHECK(client.sent() == lines{"update syn 1 +0"});
  CHECK(client.session.next_sender() == 3);
  CHECK(line_of(*mux::decode(client.session.begin_data(3, 0, true))) == "data syn fin 3 +0");
  CHECK(client.session.next_sender() == 5);
  // A stream that is reset before the peer knows it costs nothing.
  client.session.reset(5);
  CHECK(!client.session.next_sender());
  CHECK(client.sent().empty());
  CHECK(client.open() == 7);
}

TEST_CASE("session: a stream of the server has an even id") {
  tested_session server(role::server);
  server.sent();
  CHECK(server.open() == 2);
  CHECK(server.sent() == lines{"update syn 2 +0"});
  CHECK(server.receive(update(ack, 2) + data(fin, 2, text("x"))) ==
        lines{"acknowledged 2", "last 2 x"});
}

TEST_CASE("session: a stream is acknowledged by its first frame") {
  tested_session server(role::server);
  server.sent();
  CHECK(server.receive(data(syn, 1, text("hello"))) == lines{"opened 1", "data 1 hello"});
  CHECK(server.sent().empty());
  CHECK(server.send(1, 3) == "data ack 1 +3");
  CHECK(server.send(1, 3) == "data 1 +3");
}

TEST_CASE("session: an acknowledgement that finds no frame to travel with is sent alone") {
  tested_session server(role::server);
  server.session.authenticated();
  server.settle(1ms);
  CHECK(server.receive(update(syn, 1)) == lines{"opened 1"});
  CHECK(server.session.deadline() == server.now + mux::acknowledgement_delay);
  server.now += 60ms;
  server.receive(update(syn, 3));
  server.now += 40ms;
  CHECK(server.session.poll(server.now).has_value());
  CHECK(server.sent() == lines{"update ack 1 +0", "update ack 3 +0"});
  CHECK(server.session.deadline() > server.now + 1s);
}

TEST_CASE("session: an acknowledgement is sent alone once the peer is authenticated") {
  tested_session server(role::server);
  server.settle(1ms);
  server.receive(update(syn, 1) + update(syn, 3) + update(syn, 5));
  CHECK(server.send(3, 3) == "data ack 3 +3");
  CHECK(server.session.deadline() > server.now + 1s);
  server.now += 1s;
  CHECK(server.session.poll(server.now).has_value());
  CHECK(server.sent().empty());
  server.session.authenticated();
  CHECK(server.sent() == lines{"update ack 1 +0", "update ack 5 +0"});

  server.session.unauthenticated();
  server.receive(update(syn, 7));
  server.now += 1s;
  CHECK(server.session.poll(server.now).has_value());
  CHECK(server.sent().empty());
  server.session.authenticated();
  CHECK(server.sent() == lines{"update ack 7 +0"});
}

TEST_CASE("session: an acknowledgement without bytes is reported") {
  tested_session client(role::client);
  for (int i = 0; i < 3; ++i) client.open();
  client.sent();
  CHECK(client.receive(update(ack, 1)) == lines{"acknowledged 1"});
  CHECK(client.receive(data(ack, 3, text("x"))) == lines{"data 3 x"});
  CHECK(client.receive(update(ack | rst, 5)) == lines{"reset 5"});
  CHECK(client.receive(update(0, 1, 5)).empty());
}

TEST_CASE("session: max_delayed_acknowledgements wait at most") {
  tested_session server(role::server);
  server.session.authenticated();
  server.settle(1ms);
  byte_vector in;
  for (std::uint32_t i = 0; i <= mux::max_delayed_acknowledgements; ++i) {
    in = std::move(in) + update(syn, 2 * i + 1);
  }
  CHECK(server.receive(in).size() == mux::max_delayed_acknowledgements + 1);
  CHECK(server.sent().size() == mux::max_delayed_acknowledgements + 1);
}

TEST_CASE("session: a payload is delivered as it arrives, without a copy") {
  tested_session server(role::server);
  const byte_vector in = data(syn | fin, 1, text("hello"));
  byte_view rest = byte_view(in).first(14);
  CHECK(server.session.wanted() == 12);
  CHECK(server.receive(rest) == lines{"opened 1", "data 1 he"});
  CHECK(server.session.wanted() == 3);
  rest = byte_view(in).subspan(14);
  const auto seen = server.session.receive(rest, server.now);
  REQUIRE(seen.has_value());
  REQUIRE(seen->has_value());
  const auto& event = std::get<mux::stream_data>(**seen);
  CHECK(event.are_last);
  CHECK(event.bytes.data() == in.data() + 14);
  CHECK(event.bytes.size() == 3);
}

TEST_CASE("session: both directions end one after the other, and the stream is forgotten") {
  tested_session server(role::server);
  server.sent();
  CHECK(server.receive(data(syn | fin, 1, text("ask"))) == lines{"opened 1", "last 1 ask"});
  server.session.consumed(1, 3, server.now);
  CHECK(server.session.streams() == 1);
  CHECK(server.send(1, 6) == "data ack 1 +6");
  CHECK(server.send(1, 4, true) == "data fin 1 +4");
  CHECK(server.session.streams() == 0);
  CHECK(server.session.sendable(1) == 0);
  CHECK(server.session.footprint() == 0);
  // What is still on its way is ignored.
  CHECK(server.receive(update(0, 1, 100)).empty());
}

TEST_CASE("session: a stream with unread bytes is not forgotten") {
  tested_session server(role::server);
  server.sent();
  server.receive(data(syn | fin, 1, text("ask")));
  CHECK(server.send(1, 0, true) == "data ack fin 1 +0");
  CHECK(server.session.streams() == 1);
  CHECK(server.session.unread() == 3);
  server.session.consumed(1, 2, server.now);
  CHECK(server.session.streams() == 1);
  server.session.consumed(1, 1, server.now);
  CHECK(server.session.streams() == 0);
  CHECK(server.session.unread() == 0);
}

TEST_CASE("session: an end without bytes is reported, however it is sent") {
  for (const bool by_update : {false, true}) {
    tested_session server(role::server);
    server.receive(update(syn, 1));
    CHECK(server.receive(by_update ? update(fin, 1) : data(fin, 1)) == lines{"last 1 "});
  }
}

TEST_CASE("session: a reset is no end") {
  tested_session server(role::server);
  server.sent();
  server.receive(data(syn, 1, text("ask")));
  CHECK(server.receive(update(rst, 1)) == lines{"reset 1"});
  CHECK(server.session.streams() == 0);
  CHECK(server.session.unread() == 0);
  server.session.consumed(1, 3, server.now);
  server.session.set_wish(1, mux::wish::bytes);
  server.session.reset(1);
  CHECK(!server.session.next_sender());
  CHECK(server.sent().empty());
  // A reset may carry bytes, which nobody gets.
  server.receive(update(syn, 3));
  CHECK(server.receive(data(rst, 3, text("abc"))) == lines{"reset 3"});
}

TEST_CASE("session: resetting a stream tells the peer, also in the middle of a payload") {
  tested_session server(role::server);
  server.sent();
  const byte_vector in = data(syn, 1, text("hello"));
  server.receive(byte_view(in).first(14));
  server.session.reset(1);
  CHECK(server.sent() == lines{"update rst 1 +0"});
  CHECK(server.receive(byte_view(in).subspan(14)).empty());
  CHECK(server.session.streams() == 0);
  CHECK(server.receive(data(syn, 3, text("x"))) == lines{"opened 3", "data 3 x"});
}

TEST_CASE("session: data that was on its way when a stream was reset is dropped") {
  tested_session server(role::server);
  server.session.authenticated();
  server.settle(1ms);
  server.receive(zeros(syn, 1, 20'000));
  server.session.reset(1);
  CHECK(server.receive(zeros(0, 1, 12'768 - 1)).empty());
  CHECK(server.receive(data(fin, 1, text("x"))).empty());
  CHECK(server.receive(data(0, 1, text("x"))) ==
        lines{"the peer kept sending data on streams that were closed"});
  CHECK(server.sent() == lines{"away 0 +1"});
}

TEST_CASE("session: data on a stream that was reset cannot be late after two answered pings") {
  tested_session server(role::server);
  server.settle(1ms);
  server.receive(update(syn, 1) + update(syn, 3));
  server.session.reset(1);
  for (std::uint32_t value = 2; value <= 3; ++value) {
    CHECK(server.receive(data(0, 1, text("x"))).empty());
    server.now += mux::round_trip_interval;
    CHECK(server.receive(data(0, 3, text("x"))) == lines{"data 3 x"});
    CHECK(server.receive(ping(ack, value)).empty());
  }
  server.receive(data(0, 1, text("x")));
  CHECK(server.error == mux_errc::data_after_close);
}

TEST_CASE("session: one stream alone sends long frames, several share") {
  tested_session client(role::client, {}, {1 << 20, 100});
  client.sent();
  client.open();
  client.open();
  client.sent();
  client.session.set_wish(1, mux::wish::bytes);
  CHECK(client.session.sendable(1) == mux::max_frame_size);
  client.session.set_wish(3, mux::wish::bytes);
  CHECK(client.session.sendable(1) == mux::shared_frame_size);
  CHECK(client.session.sendable(3) == mux::shared_frame_size);
  client.session.set_wish(3, mux::wish::nothing);
  CHECK(client.session.sendable(1) == mux::max_frame_size);
}

TEST_CASE("session: nothing is sent beyond the window of the peer") {
  tested_session client(role::client, {}, {32'768, 100});
  client.sent();
  client.open();
  CHECK(client.send(1, 30'000) == "data syn 1 +30000");
  CHECK(client.session.sendable(1) == 2'768);
  CHECK(client.send(1, 30'000) == "data 1 +2768");
  client.session.set_wish(1, mux::wish::bytes);
  CHECK(client.session.sendable(1) == 0);
  CHECK(!client.session.next_sender());
  client.receive(update(0, 1, 10));
  CHECK(client.session.next_sender() == 1);
  CHECK(client.send(1, 30'000) == "data 1 +10");
  // The end needs no window.
  CHECK(client.send(1, 0, true) == "data fin 1 +0");
}

TEST_CASE("session: other frames go before data") {
  tested_session client(role::client);
  client.sent();
  client.open();
  client.session.set_wish(1, mux::wish::bytes);
  CHECK(client.session.next_sender() == 1);
  client.receive(ping(syn, 5));
  CHECK(!client.session.next_sender());
  CHECK(client.sent() == lines{"ping ack 0 +5"});
  CHECK(client.session.next_sender() == 1);
}

TEST_CASE("session: a peer that goes away gets no more streams") {
  tested_session client(role::client);
  client.sent();
  client.open();
  CHECK(client.receive(go_away(0)) == lines{"away 0"});
  CHECK(client.session.open(client.now).error() == mux_errc::going_away);
  CHECK(!client.session.is_finished());
  client.session.reset(1);
  CHECK(client.session.is_finished());
}

TEST_CASE("session: going away leaves open streams alone, and refuses others") {
  tested_session server(role::server);
  server.sent();
  server.receive(update(syn, 1));
  server.session.go_away();
  server.session.go_away();
  CHECK(server.sent() == lines{"away 0 +0"});
  CHECK(server.session.open(server.now).error() == mux_errc::going_away);
  CHECK(server.receive(data(syn, 3, text("late"))).empty());
  CHECK(server.sent() == lines{"update rst 3 +0"});
  CHECK(server.receive(data(fin, 1, text("on"))) == lines{"last 1 on"});
  server.session.consumed(1, 2, server.now);
  CHECK(server.send(1, 2, true) == "data ack fin 1 +2");
  CHECK(server.session.is_finished());
}

TEST_CASE("session: after the last id it goes away") {
  mux::settings own;
  own.last_id = 4;
  tested_session client(role::client, own);
  client.sent();
  CHECK(client.open() == 1);
  CHECK(client.open() == 3);
  CHECK(client.session.open(client.now).error() == mux_errc::ids_exhausted);
  CHECK(client.sent() == lines{"away 0 +0", "update syn 1 +0", "update syn 3 +0"});
  CHECK(client.session.open(client.now).error() == mux_errc::going_away);
}

TEST_CASE("session: a silent peer is pinged, and lost if it does not answer") {
  tested_session client(role::client);
  client.settle(10ms);
  CHECK(client.session.deadline() == client.now + mux::default_keepalive_interval);
  client.now += mux::default_keepalive_interval - 1ns;
  CHECK(client.session.poll(client.now).has_value());
  CHECK(client.sent().empty());
  client.now += 1ns;
  CHECK(client.session.poll(client.now).has_value());
  CHECK(client.sent() == lines{"ping syn 0 +2"});
  client.now += 5s;
  client.receive(ping(ack, 2));
  CHECK(client.session.deadline() == client.now + mux::default_keepalive_interval);
  client.now += mux::default_keepalive_interval;
  CHECK(client.session.poll(client.now).has_value());
  CHECK(client.session.deadline() == client.now + mux::default_keepalive_timeout);
  client.now += mux::default_keepalive_timeout;
  const auto lost = client.session.poll(client.now);
  REQUIRE(!lost.has_value());
  CHECK(lost.error() == mux_errc::no_answer);
  CHECK(client.sent() == lines{"away 0 +2"});
  CHECK(!client.session.deadline());
  CHECK(client.session.poll(client.now).error() == mux_errc::no_answer);
}

TEST_CASE("session: without a keepalive interval nothing is sent to a silent peer") {
  mux::settings own;
  own.keepalive_interval = 0s;
  tested_session client(role::client, own);
  CHECK(!client.session.deadline());
}

TEST_CASE("session: the round trip is measured again while data arrives") {
  tested_session server(role::server);
  server.settle(10ms);
  server.receive(update(syn, 1));
  server.now += mux::round_trip_interval;
  server.receive(ping(syn, 1));
  CHECK(server.sent() == lines{"ping ack 0 +1"});
  server.receive(data(0, 1, text("x")));
  CHECK(server.sent() == lines{"ping syn 0 +2"});
  server.receive(data(0, 1, text("x")));
  CHECK(server.sent().empty());
  server.now += 90ms;
  server.receive(ping(ack, 2));
  // A longer time may be that of a queue, a shorter one is not.
  CHECK(server.session.round_trip() == 20ms);
  server.now += mux::round_trip_interval;
  server.receive(data(0, 1, text("x")));
  server.now += 5ms;
  server.receive(ping(ack, 3));
  CHECK(server.session.round_trip() == 5ms);
}

TEST_CASE("session: after an error it repeats the error, and has forgotten everything") {
  tested_session server(role::server);
  server.sent();
  server.receive(data(syn, 1, text("x")));
  server.receive(bytes("01 00 0000 00000001 00000000"));
  CHECK(server.error == mux_errc::wrong_version);
  CHECK(server.session.wanted() == 0);
  CHECK(server.session.streams() == 0);
  CHECK(server.session.unread() == 0);
  CHECK(server.receive(data(0, 1, text("x"))) == lines{server.error.message()});
  CHECK(server.session.open(server.now).error() == mux_errc::wrong_version);
  server.session.set_wish(1, mux::wish::bytes);
  CHECK(!server.session.next_sender());
  CHECK(server.sent() == lines{"away 0 +1"});
  CHECK(server.sent().empty());
}

}  // namespace
}  // namespace rathole::test
