#include "session_steps.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>

namespace rathole::test {
namespace {

using mux::mux_errc;
using mux::role;

byte_vector operator*(std::size_t times, const byte_vector& in) {
  byte_vector out;
  for (std::size_t i = 0; i < times; ++i) out.insert(out.end(), in.begin(), in.end());
  return out;
}

TEST_CASE("session bounds: what a peer must not send") {
  struct rule {
    byte_vector in;
    mux_errc why;
  };
  const byte_vector opened = update(syn, 1) + update(syn, 5);
  const rule rules[] = {
      {bytes("01 00 0001 00000001 00000000"), mux_errc::wrong_version},
      {bytes("00 04 0000 00000000 00000000"), mux_errc::unknown_type},
      {data(16, 1), mux_errc::contradictory_flags},
      {data(0x8000, 1), mux_errc::contradictory_flags},
      {update(syn | ack, 7), mux_errc::contradictory_flags},
      {update(syn | rst, 7), mux_errc::contradictory_flags},
      {update(fin | rst, 1), mux_errc::contradictory_flags},
      // The server has opened neither of these.
      {update(ack, 1), mux_errc::contradictory_flags},
      {data(ack, 1, text("x")), mux_errc::contradictory_flags},
      {ping(0, 1), mux_errc::contradictory_flags},
      {ping(syn | ack, 1), mux_errc::contradictory_flags},
      {ping(syn | fin, 1), mux_errc::contradictory_flags},
      {frame(mux::frame_type::go_away, syn, 0, 0), mux_errc::contradictory_flags},
      {data(0, 0, text("x")), mux_errc::wrong_stream_id},
      {update(syn, 0), mux_errc::wrong_stream_id},
      {frame(mux::frame_type::ping, syn, 1, 1), mux_errc::wrong_stream_id},
      {frame(mux::frame_type::go_away, 0, 1, 0), mux_errc::wrong_stream_id},
      {update(syn, 8), mux_errc::wrong_stream_id},
      {update(syn, 1), mux_errc::stream_id_reused},
      {update(syn, 5), mux_errc::stream_id_reused},
      {update(syn, 3), mux_errc::stream_id_reused},
      {data(0, 7, text("x")), mux_errc::unknown_stream},
      {update(0, 7), mux_errc::unknown_stream},
      {update(rst, 7), mux_errc::unknown_stream},
      {data(0, 2, text("x")), mux_errc::unknown_stream},
      {update(ack, 2), mux_errc::unknown_stream},
      {data(0, 3, text("x")), mux_errc::data_after_close},
      {data(fin, 1) + data(0, 1, text("x")), mux_errc::data_after_end},
      {data(fin, 1) + data(fin, 1), mux_errc::data_after_end},
      {data(fin, 1) + update(fin, 1), mux_errc::data_after_end},
      {zeros(0, 1, 32'769), mux_errc::window_overrun},
      {zeros(syn, 7, 32'769), mux_errc::window_overrun},
      {zeros(rst, 1, 32'769), mux_errc::window_overrun},
      {zeros(0, 1, 32'768) + data(0, 1, text("x")), mux_errc::window_overrun},
      {update(0, 1, 0xffff'ffff), mux_errc::window_overflow},
      {update(0, 1, 0x7fff'ffff) + update(0, 1, 0x7fff'ffff) + update(0, 1, 0x7fff'ffff),
       mux_errc::window_overflow},
  };
  for (const rule& each : rules) {
    tested_session server(role::server);
    server.receive(opened);
    REQUIRE(!server.error);
    server.receive(each.in);
    CAPTURE(to_hex(byte_view(each.in).first(12)));
    CHECK(server.error == each.why);
    CHECK(server.sent() == lines{"away 0 +1"});
  }
}

TEST_CASE("session bounds: a stream is unknown until it is announced") {
  tested_session client(role::client);
  client.open();
  client.receive(data(0, 1, text("x")));
  CHECK(client.error == mux_errc::unknown_stream);
}

TEST_CASE("session bounds: a stream is acknowledged once") {
  tested_session client(role::client);
  client.open();
  client.sent();
  client.receive(update(ack, 1));
  CHECK(!client.error);
  client.receive(update(ack, 1));
  CHECK(client.error == mux_errc::contradictory_flags);
}

TEST_CASE("session bounds: 16 streams without authentication, more are refused") {
  tested_session server(role::server);
  server.sent();
  for (std::uint32_t i = 0; i < 16; ++i) server.receive(update(syn, 2 * i + 1));
  CHECK(server.session.streams() == mux::max_unauthenticated_streams);
  // The peer may have sent what an initial window allows before it learns of the reset.
  CHECK(server.receive(zeros(syn, 33, 20'000) + zeros(fin, 33, 12'768)).empty());
  CHECK(server.sent() == lines{"update rst 33 +0"});
  // When one has ended in both directions, there is room for another.
  server.receive(update(fin, 1));
  CHECK(server.receive(update(syn, 35)).empty());
  server.sent();
  server.send(1, 0, true);
  CHECK(server.receive(update(syn, 37)) == lines{"opened 37"});
}

TEST_CASE("session bounds: refused streams may be no flood") {
  tested_session server(role::server);
  std::uint32_t id = 1;
  const auto open = [&] {
    server.receive(update(syn, id));
    id += 2;
  };
  for (std::uint32_t i = 0; i < mux::max_unauthenticated_streams; ++i) open();
  for (std::uint32_t i = 0; i < mux::unauthenticated_rates.refusals.burst; ++i) open();
  CHECK(!server.error);
  server.now += 125ms;
  open();
  CHECK(!server.error);
  open();
  CHECK(server.error == mux_errc::stream_flood);
  CHECK(server.sent() == lines{"away 0 +1"});
}

TEST_CASE("session bounds: streams that have ended but are not consumed are bounded too") {
  tested_session server(role::server);
  server.sent();
  std::uint32_t id = 1;
  const auto open = [&] {
    const bool is_open = server.receive(data(syn | fin, id, text("x"))).size() == 2;
    server.sent();
    if (is_open) server.send(id, 0, true);
    id += 2;
    return is_open;
  };
  for (std::uint32_t i = 0; i < 2 * mux::max_unauthenticated_streams; ++i) CHECK(open());
  CHECK(!open());
  server.session.consumed(1, 1, server.now);
  CHECK(open());
}

TEST_CASE("session bounds: 64 KiB of unread bytes without authentication") {
  tested_session server(role::server);
  server.sent();
  server.receive(zeros(syn, 1, 32'768) + zeros(syn, 3, 32'768) + update(syn, 5));
  CHECK(server.session.unread() == mux::max_unauthenticated_unread);
  CHECK(!server.error);
  server.session.consumed(1, 1, server.now);
  server.receive(zeros(0, 5, 1));
  CHECK(!server.error);
  server.receive(zeros(0, 5, 1));
  CHECK(server.error == mux_errc::unread_overflow);
}

TEST_CASE("session bounds: authentication lifts the bounds, and its end restores them") {
  tested_session server(role::server);
  server.sent();
  server.receive(zeros(syn, 1, 32'768) + zeros(syn, 3, 32'768));
  server.session.authenticated();
  std::uint32_t id = 5;
  for (; server.session.streams() < mux::default_max_streams; id += 2) {
    server.receive(zeros(syn, id, 100));
  }
  CHECK(!server.error);
  CHECK(server.receive(update(syn, id)).empty());
  for (std::uint32_t gone = 5; gone < id; gone += 2) server.session.reset(gone);
  id += 2;
  server.session.unauthenticated();
  for (std::uint32_t i = 0; i < mux::max_unauthenticated_streams; ++i, id += 2) {
    CHECK(server.receive(update(syn, id)).size() == 1);
  }
  CHECK(server.receive(update(syn, id)).empty());
  CHECK(server.session.unread() == 65'536);
  // What was opened before keeps its bounds; 64 KiB more are possible on those opened afterwards.
  server.receive(zeros(0, id - 2, 32'768) + zeros(0, id - 4, 32'768));
  CHECK(!server.error);
  server.receive(zeros(0, id - 6, 1));
  CHECK(server.error == mux_errc::unread_overflow);
}

TEST_CASE("session bounds: this side opens no more streams than the peer allows") {
  tested_session client(role::client, {}, {32'768, 18});
  for (std::uint32_t i = 0; i < mux::max_unauthenticated_streams; ++i) client.open();
  CHECK(client.session.open(client.now).error() == errc::limit_reached);
  client.session.authenticated();
  client.open();
  client.open();
  CHECK(client.session.open(client.now).error() == errc::limit_reached);
  client.session.reset(1);
  client.open();
}

/// Returns how many times a peer may send what `make` returns until it is cut, and why it is.
std::pair<std::size_t, std::error_code> flood(
    bool authenticated, const byte_vector& first,
    const std::function<byte_vector(std::uint32_t)>& make) {
  tested_session server(role::server);
  if (authenticated) server.session.authenticated();
  server.receive(first);
  std::size_t count = 0;
  for (std::uint32_t i = 0; !server.error; ++i) {
    server.receive(make(i));
    server.sent();
    if (!server.error) ++count;
  }
  return {count, server.error};
}

TEST_CASE("session bounds: frames without payload are limited") {
  const mux::flood_rates& few = mux::unauthenticated_rates;
  const mux::flood_rates& many = mux::authenticated_rates;
  const auto nothing = [](std::uint32_t) { return data(0, 1); };
  const auto updates = [](std::uint32_t) { return update(0, 1, 1); };
  // The first frame of all opens the stream.
  const byte_vector open = update(syn, 1);
  CHECK(flood(false, open, nothing) ==
        std::pair<std::size_t, std::error_code>(few.frames.burst - 1, mux_errc::frame_flood));
  CHECK(flood(false, open, updates) == std::pair<std::size_t, std::error_code>(
                                           few.frames.burst - 1, mux_errc::window_update_flood));
  CHECK(flood(true, open, updates) == std::pair<std::size_t, std::error_code>(
                                          many.frames.burst - 1, mux_errc::window_update_flood));
  CHECK(flood(true, open, [](std::uint32_t) { return go_away(0); }).second ==
        mux_errc::frame_flood);
}

TEST_CASE("session bounds: frames without payload are limited by a rate") {
  tested_session server(role::server);
  server.receive(update(syn, 1));
  server.receive(std::size_t{4095} * data(0, 1));
  CHECK(!server.error);
  server.now += 1s;
  server.receive(std::size_t{512} * data(0, 1));
  CHECK(!server.error);
  server.receive(data(0, 1));
  CHECK(server.error == mux_errc::frame_flood);
}

TEST_CASE("session bounds: pings, asked or answered, are limited") {
  for (const bool is_answer : {false, true}) {
    for (const bool authenticated : {false, true}) {
      const auto make = [&](std::uint32_t i) { return ping(is_answer ? ack : syn, 100 + i); };
      CHECK(flood(authenticated, {}, make) ==
            std::pair<std::size_t, std::error_code>(64, mux_errc::ping_flood));
    }
  }
}

TEST_CASE("session bounds: opening and resetting streams without end is a flood") {
  const auto rapid_reset = [](std::uint32_t i) {
    return data(syn, 2 * i + 1, text("GET")) + update(rst, 2 * i + 1);
  };
  CHECK(flood(false, {}, rapid_reset) ==
        std::pair<std::size_t, std::error_code>(128, mux_errc::reset_flood));
  CHECK(flood(true, {}, rapid_reset) ==
        std::pair<std::size_t, std::error_code>(16 * 1024, mux_errc::reset_flood));
}

TEST_CASE("session bounds: opening streams without end is a flood, also with a payload") {
  tested_session server(role::server);
  server.sent();
  std::size_t opened = 0;
  for (std::uint32_t id = 1; !server.error; id += 2) {
    if (server.receive(data(syn | fin, id, text("x"))).size() < 2) break;
    server.session.consumed(id, 1, server.now);
    server.sent();
    server.send(id, 0, true);
    ++opened;
  }
  CHECK(opened == mux::unauthenticated_rates.frames.burst);
  CHECK(server.error == mux_errc::frame_flood);
}

TEST_CASE("session bounds: answers that the peer does not read are bounded") {
  tested_session server(role::server);
  server.session.authenticated();
  server.sent();
  std::size_t opened = 0;
  for (std::uint32_t id = 1; !server.error; id += 2) {
    server.now += 1ms;
    if (server.receive(data(syn, id, text("x"))).size() < 2) continue;
    server.session.reset(id);
    ++opened;
  }
  CHECK(server.error == mux_errc::unread_answers);
  CHECK(opened == mux::max_queued_answers);
  CHECK(server.sent() == lines{"away 0 +1"});
}

TEST_CASE("session bounds: window updates that cannot be sent are merged") {
  tested_session server(role::server);
  server.receive(update(syn, 1));
  server.sent();
  for (int i = 0; i < 1000; ++i) {
    // Without credit the peer can send no more.
    server.receive(zeros(0, 1, i == 0 ? 32'768 : 0));
    server.session.consumed(1, i == 0 ? 32'768 : 0, server.now);
  }
  CHECK(server.sent() == lines{"update ack 1 +32768"});
}

}  // namespace
}  // namespace rathole::test
