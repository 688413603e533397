#include "session_steps.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>

namespace rathole::test {
namespace {

using mux::mux_errc;
using mux::role;

/// Lets the session receive `count` bytes of stream 1 in full frames, and consume them.
void carry(tested_session& server, std::uint32_t count) {
  server.receive(zeros(0, 1, count));
  REQUIRE(!server.error);
  server.session.consumed(1, count, server.now);
}

/// Returns an authenticated server whose round trip is 100 ms, with stream 1.
tested_session opened(const mux::settings& own = {}) {
  tested_session server(role::server, own);
  server.session.authenticated();
  server.settle(100ms);
  server.receive(update(syn, 1));
  CHECK(server.send(1, 1) == "data ack 1 +1");
  return server;
}

TEST_CASE("flow: the peer gets credit when half of the window is consumed") {
  tested_session server = opened();
  server.now += 10s;
  carry(server, 16'383);
  // The measurement of a round trip begins when data arrives.
  CHECK(server.sent() == lines{"ping syn 0 +2"});
  server.receive(zeros(0, 1, 1));
  CHECK(server.sent().empty());
  server.session.consumed(1, 1, server.now);
  CHECK(server.sent() == lines{"update 1 +16384"});
}

TEST_CASE("flow: what is received but not consumed gives no credit") {
  tested_session server = opened();
  server.now += 10s;
  server.receive(zeros(0, 1, 32'768));
  server.sent();
  server.session.consumed(1, 20'000, server.now);
  CHECK(server.sent() == lines{"update 1 +20000"});
  CHECK(server.session.unread() == 12'768);
  server.receive(zeros(0, 1, 20'001));
  CHECK(server.error == mux_errc::window_overrun);
}

TEST_CASE("flow: no credit is given once the peer has ended its direction") {
  tested_session server = opened();
  server.receive(zeros(fin, 1, 32'768));
  server.session.consumed(1, 32'768, server.now);
  CHECK(server.sent().empty());
}

TEST_CASE("flow: a window that is consumed within two round trips doubles") {
  tested_session server = opened();
  server.now += 100ms;
  carry(server, 16'384);
  CHECK(server.session.window(1) == 65'536);
  CHECK(server.sent() == lines{"update 1 +49152"});
  server.now += 101ms;
  // Half of the window in more than one round trip.
  carry(server, 32'768);
  CHECK(server.session.window(1) == 65'536);
  CHECK(server.sent() == lines{"update 1 +32768"});
}

TEST_CASE("flow: a window grows up to max_window") {
  tested_session server = opened();
  for (std::uint32_t size = mux::default_initial_window; size < mux::max_window; size *= 2) {
    server.now += 50ms;
    carry(server, size / 2);
    server.receive(update(0, 1, 0));
    server.sent();
    CHECK(server.session.window(1) == 2 * size);
  }
  carry(server, mux::max_window / 2);
  CHECK(server.session.window(1) == mux::max_window);
}

TEST_CASE("flow: no window grows before the round trip is known, or without authentication") {
  tested_session server(role::server);
  server.session.authenticated();
  server.receive(update(syn, 1));
  carry(server, 16'384);
  CHECK(server.session.window(1) == 32'768);

  tested_session stranger(role::server);
  stranger.settle(100ms);
  stranger.receive(update(syn, 1));
  carry(stranger, 16'384);
  CHECK(stranger.session.window(1) == 32'768);
  stranger.sent();
  stranger.session.authenticated();
  carry(stranger, 16'384);
  CHECK(stranger.session.window(1) == 65'536);
}

TEST_CASE("flow: windows grow within receive_budget") {
  mux::settings own;
  own.own.initial_window = mux::max_window;
  CHECK(own.allowed().max_streams == 4);
  own.own.initial_window = 8 * 1024 * 1024;
  CHECK(own.allowed().max_streams == 8);
  tested_session server(role::server, own);
  server.session.authenticated();
  server.settle(100ms);
  for (std::uint32_t id = 1; id <= 13; id += 2) server.receive(update(syn, id));
  CHECK(server.session.footprint() == 56u * 1024 * 1024);
  carry(server, 4 * 1024 * 1024);
  CHECK(server.session.window(1) == 16 * 1024 * 1024);
  CHECK(server.session.footprint() == mux::receive_budget);
  server.sent();
  server.receive(zeros(0, 3, 4 * 1024 * 1024));
  server.session.consumed(3, 4 * 1024 * 1024, server.now);
  CHECK(server.session.window(3) == 8 * 1024 * 1024);
  CHECK(server.session.footprint() == mux::receive_budget);
  server.session.reset(1);
  CHECK(server.session.footprint() == 48u * 1024 * 1024);
}

TEST_CASE("flow: the window of a stream that is not used shrinks") {
  tested_session server = opened();
  carry(server, 16'384);
  server.now += 1ms;
  server.sent();
  carry(server, 32'768);
  CHECK(server.session.window(1) == 131'072);
  server.sent();
  server.now += mux::unused_time;
  CHECK(*server.session.deadline() <= server.now);
  CHECK(server.session.poll(server.now).has_value());
  CHECK(server.session.window(1) == 32'768);
  // The credit that the peer has cannot be taken back, but it gets no more while it has enough.
  CHECK(server.session.footprint() == 131'072);
  carry(server, 110'000);
  CHECK(server.session.footprint() == 32'768);
  CHECK(server.sent() == lines{"ping syn 0 +2"});
  carry(server, 21'072);
  CHECK(server.sent() == lines{"update 1 +32768"});
  CHECK(server.session.deadline() > server.now + 20s);
}

TEST_CASE("flow: a window is not shrunk while it is used") {
  tested_session server = opened();
  carry(server, 16'384);
  server.sent();
  for (int i = 0; i < 4; ++i) {
    server.now += mux::unused_time - 1ms;
    carry(server, 1);
    CHECK(server.session.poll(server.now).has_value());
    CHECK(server.session.window(1) == 65'536);
  }
}

TEST_CASE("flow: windows of the peer begin as its Hello says, and plain yamux at 256 KiB") {
  tested_session client(role::client, mux::settings::plain(), mux::plain_parameters);
  client.sent();
  client.open();
  CHECK(client.session.window(1) == 256 * 1024);
  std::uint32_t sent = 0;
  client.session.set_wish(1, mux::wish::bytes);
  client.sent();
  while (client.session.next_sender()) {
    const std::uint32_t count = client.session.sendable(1);
    sent += count;
    (void)client.session.begin_data(1, count, false);
  }
  CHECK(sent == 256 * 1024);
}

TEST_CASE("flow: a stream may be opened with more credit than the initial one") {
  tested_session server(role::server, {}, {32'768, 10});
  server.receive(update(syn, 1, 67'232));
  server.sent();
  CHECK(server.send(1, 200'000) == "data ack 1 +65536");
  CHECK(server.session.sendable(1) == 100'000 - 65'536);
}

TEST_CASE("flow: credit beyond 2^32 - 1 bytes is an error") {
  tested_session server(role::server, {}, {32'768, 10});
  server.receive(update(syn, 1, 0xffff'ffff - 32'768));
  CHECK(!server.error);
  server.receive(update(0, 1, 1));
  CHECK(server.error == mux_errc::window_overflow);
}

}  // namespace
}  // namespace rathole::test
