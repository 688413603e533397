// A multiplexed connection carries many streams, ends in order or says why, and leaves nothing behind.

#include "support/mux_pair.hpp"

#include <rathole/mux/frame.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using mux::mux_errc;
using test::bytes, test::mixed_bytes, test::read_some, test::read_to_end, test::sim_bench,
    test::sim_connection, test::sim_mux, test::write_and_end;

namespace {

using connection = sim_mux::connection;

/// Sends back what arrives, piece by piece, and then the end.
io::task<void> echo(io::mux_stream stream) {
  std::uint8_t buffer[1000];
  for (;;) {
    const byte_span room(buffer);
    const auto count = co_await stream.read_some(room);
    if (!count) co_return failure(count.error());
    if (*count == 0) co_return co_await stream.shutdown_send();
    const auto written = co_await stream.write(room.first(*count));
    if (!written) co_return failure(written.error());
  }
}

/// One end of a multiplexed connection, whose peer sends any bytes.
struct raw_peer {
  explicit raw_peer(const mux::settings& own = {}) : link(bench) {
    tested =
        connection::make(bench.server, std::move(link.far), mux::role::server, own, own.allowed());
    tested->set_on_open([this](io::mux_stream opened) { accepted.push_back(std::move(opened)); });
    end = bench.begin(tested->run());
  }

  void send(const mux::frame_header& header, std::string_view payload = {}) {
    const auto encoded = mux::encode(header);
    std::string frame(encoded.begin(), encoded.end());
    bench.must(link.near.write(bytes(frame + std::string(payload))));
  }
  /// Returns the headers that the other side sends until the end; none has a payload.
  std::vector<mux::frame_header> received() {
    const std::string all = bench.must(read_to_end(link.near));
    std::vector<mux::frame_header> out;
    for (std::size_t at = 0; at + mux::header_size <= all.size(); at += mux::header_size) {
      const byte_view header = bytes(std::string_view(all).substr(at, mux::header_size));
      out.push_back(*mux::decode(header.first<mux::header_size>()));
    }
    return out;
  }

  sim_bench bench;
  sim_connection link;
  std::shared_ptr<connection> tested;
  std::vector<io::mux_stream> accepted;
  test::pending<void> end;
};

}  // namespace

TEST_CASE("mux connection: many streams of any size come back unchanged") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    sim::link_conditions conditions;
    conditions.max_delay = seed % 2 == 0 ? 20ms : 1ms;
    conditions.window = seed % 3 == 0 ? 1000 : 64 * 1024;
    if (seed % 4 == 0) conditions.max_read = 7;
    const std::uint64_t longest = seed % 3 == 0 || seed % 4 == 0 ? 5'000 : 200'000;
    sim_mux both(seed, {}, conditions);
    std::vector<test::pending<void>> echoes;
    both.server->set_on_open([&](io::mux_stream opened) {
      echoes.push_back(both.bench.begin(echo(std::move(opened))));
    });
    std::vector<io::mux_stream> streams;
    std::vector<std::string> sent;
    std::vector<test::pending<void>> writes;
    std::vector<test::pending<std::string>> reads;
    for (std::uint64_t number = 0; number < 30; ++number) {
      streams.push_back(*both.client->open());
      sent.push_back(mixed_bytes((number * number * 397 + seed) % longest, number));
    }
    for (std::size_t number = 0; number < streams.size(); ++number) {
      writes.push_back(both.bench.begin(write_and_end(streams[number], sent[number])));
      reads.push_back(both.bench.begin(read_to_end(streams[number])));
    }
    for (std::size_t number = 0; number < streams.size(); ++number) {
      CHECK(both.bench.get(writes[number]).has_value());
      CHECK(both.bench.get(reads[number]) == sent[number]);
    }
    both.bench.world.run_for(1s);
    CHECK(both.client->streams() == 0);
    CHECK(both.server->streams() == 0);
    CHECK(both.client->is_usable());
  }
}

TEST_CASE("mux connection: if the network cuts it, every stream fails and none ends") {
  for (const auto cut_after : {1ms, 30ms, 55ms, 200ms}) {
    CAPTURE(cut_after.count());
    sim::link_conditions slow;
    slow.min_delay = slow.max_delay = 10ms;
    sim_mux both(7, {}, slow);
    auto [near1, far1] = both.open();
    auto [near2, far2] = both.open();
    auto [near3, far3] = both.open();
    // This one has ended before, and can be read to its end.
    both.bench.must(write_and_end(near3, "complete"));
    both.bench.world.run_for(1s);
    const std::string much = mixed_bytes(1 << 20, 1);
    const auto writing1 = both.bench.begin(write_and_end(near1, much));
    const auto writing2 = both.bench.begin(write_and_end(far2, much));
    const auto reading1 = both.bench.begin(read_to_end(far1));
    const auto reading2 = both.bench.begin(read_to_end(near2));
    both.bench.world.run_for(cut_after);
    both.bench.world.net().lose_connections("client", "server");
    for (const auto& each : {writing1, writing2}) {
      CHECK(both.bench.get(each).error() == std::errc::connection_reset);
    }
    for (const auto& each : {reading1, reading2}) {
      CHECK(both.bench.get(each).error() == std::errc::connection_reset);
    }
    CHECK(both.bench.must(read_to_end(far3)) == "complete");
    CHECK(both.bench.get(far3.write(bytes("x"))).error() == std::errc::connection_reset);
    CHECK(both.bench.get(both.client_end).error() == std::errc::connection_reset);
    CHECK(both.bench.get(both.server_end).error() == std::errc::connection_reset);
    CHECK_FALSE(both.client->is_usable());
    CHECK(both.client->open().error() == std::errc::connection_reset);
  }
}

TEST_CASE("mux connection: a peer that closes without ends is no end") {
  raw_peer peer;
  peer.send({mux::frame_type::data, mux::flag::syn, 1, 5}, "hello");
  peer.send({mux::frame_type::data, 0, 1, 5}, "wo");
  peer.bench.world.run_for(1s);
  REQUIRE(peer.accepted.size() == 1);
  CHECK(peer.bench.must(read_some(peer.accepted[0])) == "hellowo");
  const auto reading = peer.bench.begin(read_some(peer.accepted[0]));
  peer.bench.must(peer.link.near.shutdown_send());
  CHECK(peer.bench.get(reading).error() == errc::end_of_stream);
  CHECK(peer.bench.get(peer.end).error() == errc::end_of_stream);
}

TEST_CASE("mux connection: a peer that breaks the rules is cut with a GoAway and a reason") {
  struct row {
    const char* what;
    std::vector<mux::frame_header> frames;
    std::string raw;
    mux_errc reason;
  };
  using mux::frame_type, mux::flag::syn, mux::flag::fin;
  const row rows[] = {
      {"no frame at all", {}, "GET / HTTP/1.1\r\n\r\n", mux_errc::wrong_version},
      {"unknown type", {}, std::string("\0\7\0\0\0\0\0\1\0\0\0\0", 12), mux_errc::unknown_type},
      {"own id", {{frame_type::window_update, syn, 2, 0}}, "", mux_errc::wrong_stream_id},
      {"never opened", {{frame_type::window_update, 0, 9, 0}}, "", mux_errc::unknown_stream},
      {"overrun", {{frame_type::data, syn, 1, 1 << 20}}, "", mux_errc::window_overrun},
      {"data after the end",
       {{frame_type::data, syn | fin, 1, 0}, {frame_type::data, 0, 1, 1}},
       "",
       mux_errc::data_after_end},
  };
  for (const row& each : rows) {
    CAPTURE(each.what);
    raw_peer peer;
    for (const mux::frame_header& frame : each.frames) peer.send(frame);
    peer.bench.must(peer.link.near.write(bytes(each.raw)));
    const auto received = peer.received();
    REQUIRE_FALSE(received.empty());
    CHECK(received.back() == mux::frame_header{mux::frame_type::go_away, 0, 0, 1});
    peer.link.near.close();
    CHECK(peer.bench.get(peer.end).error() == each.reason);
    for (io::mux_stream& stream : peer.accepted) {
      if (each.reason == mux_errc::data_after_end) continue;
      CHECK(peer.bench.get(read_some(stream)).error() == each.reason);
      CHECK(peer.bench.get(stream.write(bytes("x"))).error() == each.reason);
    }
  }
}

TEST_CASE("mux connection: a cut peer that goes on sending is not read for long") {
  raw_peer peer;
  peer.bench.must(peer.link.near.write(bytes("not a frame, but bytes")));
  SUBCASE("many bytes") {
    const std::string much = mixed_bytes(1 << 20, 1);
    const auto writing = peer.bench.begin(peer.link.near.write(bytes(much)));
    CHECK(peer.bench.get(peer.end).error() == mux_errc::wrong_version);
    CHECK(peer.bench.world.elapsed() < 1s);
    CHECK_FALSE(peer.bench.get(writing).has_value());
  }
  SUBCASE("nothing") {
    CHECK(peer.bench.get(peer.end).error() == mux_errc::wrong_version);
    CHECK(peer.bench.world.elapsed() >= io::lingering_time);
    CHECK(peer.bench.world.elapsed() < 2 * io::lingering_time);
  }
}

TEST_CASE("mux connection: before authentication little is accepted") {
  raw_peer peer;
  for (mux::stream_id id = 1; id < 2 * 20; id += 2) {
    peer.send({mux::frame_type::window_update, mux::flag::syn, id, 0});
  }
  peer.bench.world.run_for(1s);
  CHECK(peer.accepted.size() == mux::max_unauthenticated_streams);
  peer.tested->authenticated();
  peer.send({mux::frame_type::window_update, mux::flag::syn, 101, 0});
  peer.bench.world.run_for(1s);
  CHECK(peer.accepted.size() == mux::max_unauthenticated_streams + 1);
  peer.tested->unauthenticated();
  peer.link.near.abort();
  CHECK_FALSE(peer.bench.get(peer.end).has_value());
}

TEST_CASE("mux connection: a peer whose streams nobody accepts gets resets") {
  sim_mux both;
  io::mux_stream at_client = *both.client->open();
  io::mux_stream at_server = *both.server->open();
  both.bench.must(at_server.write(bytes("hello")));
  CHECK(both.bench.get(read_some(at_server)).error() == std::errc::connection_reset);
  CHECK(both.client->is_usable());
}

TEST_CASE("mux connection: after go_away it ends in order with its last stream") {
  sim_mux both;
  auto [near, far] = both.open();
  SUBCASE("of the client") { both.client->go_away(); }
  SUBCASE("of the server") { both.server->go_away(); }
  both.bench.world.run_for(1min);
  CHECK_FALSE(both.client->is_usable());
  CHECK_FALSE(both.server->is_usable());
  CHECK(both.client->open().error() == mux_errc::going_away);
  CHECK_FALSE(both.client_end->has_value());
  CHECK_FALSE(both.server_end->has_value());
  both.bench.must(write_and_end(near, "last"));
  CHECK(both.bench.must(read_to_end(far)) == "last");
  both.bench.must(write_and_end(far, "words"));
  far.close();
  CHECK(both.bench.get(both.client_end).has_value());
  CHECK(both.bench.must(read_to_end(near)) == "words");
  CHECK(both.bench.get(both.server_end).has_value());
  CHECK(both.bench.world.net().in_use().streams == 0);
}

TEST_CASE("mux connection: a peer that is silent is given up after keepalive") {
  sim_mux both;
  auto [near, far] = both.open();
  const auto reading = both.bench.begin(read_some(near));
  both.bench.world.run_for(10min);
  CHECK_FALSE(reading->has_value());
  both.bench.world.net().partition("client", "server");
  const time_point cut = both.bench.world.now();
  SUBCASE("idle") {
    CHECK(both.bench.get(reading).error() == mux_errc::no_answer);
    CHECK(both.bench.world.now() - cut <=
          mux::default_keepalive_interval + mux::default_keepalive_timeout);
  }
  SUBCASE("while the writer is blocked") {
    std::vector<io::mux_stream> more;
    std::vector<test::pending<void>> writes;
    const std::string much = mixed_bytes(mux::default_initial_window, 2);
    for (int count = 0; count < 10; ++count) {
      more.push_back(*both.client->open());
      writes.push_back(both.bench.begin(more.back().write(bytes(much))));
    }
    CHECK(both.bench.get(reading).error() == mux_errc::no_answer);
    CHECK(both.bench.get(writes.back()).error() == mux_errc::no_answer);
  }
  const auto ended = both.bench.get(both.client_end);
  CHECK(ended.error() == mux_errc::no_answer);
  CHECK(both.bench.world.now() - cut <=
        mux::default_keepalive_interval + mux::default_keepalive_timeout + 3 * io::lingering_time);
}

TEST_CASE("mux connection: close resets what is open, sends what has ended, and stops") {
  sim_mux both;
  auto [near1, far1] = both.open();
  auto [near2, far2] = both.open();
  both.bench.must(near1.write(bytes("a part")));
  both.bench.must(near2.write_corked(bytes("the whole")));
  near2.close();
  const auto reading = both.bench.begin(read_some(near1));
  both.bench.world.run_for(0s);
  SUBCASE("close") {
    both.client->close();
    CHECK(both.bench.get(read_to_end(far1)).error() == std::errc::connection_reset);
    CHECK(both.bench.get(read_to_end(far2)) == "the whole");
  }
  SUBCASE("abort") {
    both.client->abort();
    CHECK(both.bench.get(read_to_end(far1)).error() == std::errc::connection_reset);
  }
  CHECK(both.bench.get(reading).error() == errc::stopped);
  CHECK(both.bench.get(near1.write(bytes("x"))).error() == errc::stopped);
  CHECK(both.bench.get(both.client_end).error() == errc::stopped);
  CHECK(both.client->open().error() == errc::stopped);
  far2.close();
  both.bench.world.run_for(1min);
  CHECK(both.server_end->has_value());
  CHECK(both.bench.world.net().in_use().streams == 0);
}

TEST_CASE("mux connection: streams and connection may be destroyed in any order") {
  for (int order = 0; order < 6; ++order) {
    CAPTURE(order);
    sim_mux both;
    std::optional<std::pair<io::mux_stream, io::mux_stream>> one = both.open();
    std::optional<std::pair<io::mux_stream, io::mux_stream>> other = both.open();
    const std::string much = mixed_bytes(1 << 20, 1);
    const auto reading = both.bench.begin(read_some(one->first));
    const auto writing = both.bench.begin(one->first.write(bytes(much)));
    const auto waiting = both.bench.begin(other->first.wait_readable());
    both.bench.world.run_for(1s);
    const auto drop = [&](int what) {
      if (what == 0) one.reset();
      if (what == 1) other.reset();
      if (what == 2) {
        both.client->close();
        both.client.reset();
      }
    };
    drop(order % 3);
    if (order < 3) both.bench.world.run_for(1s);
    drop((order + 1) % 3);
    drop((order + 2) % 3);
    CHECK(both.bench.get(reading).error() == errc::stopped);
    CHECK(both.bench.get(writing).error() == errc::stopped);
    // An error of the connection makes a stream readable.
    const auto waited = both.bench.get(waiting);
    CHECK((waited.has_value() || waited.error() == errc::stopped));
    CHECK(both.bench.get(both.client_end).error() == errc::stopped);
  }
}

TEST_CASE("mux connection: it may be destroyed with everything that runs in it") {
  for (const bool streams_first : {false, true}) {
    std::vector<io::mux_stream> kept;
    std::optional<sim_bench> bench(1);
    {
      sim_connection pair(*bench);
      auto client =
          connection::make(bench->client, std::move(pair.near), mux::role::client, {}, {});
      auto server = connection::make(bench->server, std::move(pair.far), mux::role::server, {}, {});
      server->set_on_open([&](io::mux_stream opened) { kept.push_back(std::move(opened)); });
      bench->begin(client->run());
      bench->begin(server->run());
      kept.push_back(*client->open());
      bench->begin(read_some(kept[0]));
      bench->begin(kept[0].write(bytes("never read by anybody")));
      bench->world.run_for(1s);
      bench->begin(kept[1].wait_readable());
    }
    if (streams_first) kept.clear();
    if (!streams_first) bench->world.run_for(1s);
    kept.clear();
    bench.reset();
  }
}
