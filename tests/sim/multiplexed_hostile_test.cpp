// Peers of a server that ask for multiplexing and misbehave.

#include "support/sim_tunnel.hpp"

#include <rathole/mux/error.hpp>
#include <rathole/mux/frame.hpp>
#include <rathole/mux/hello.hpp>
#include <rathole/protocol/authenticate.hpp>
#include <rathole/protocol/bincode.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using mux::frame_header, mux::frame_type, mux::mux_errc;
using protocol::bincode;
using test::bytes, test::read_once, test::sim_tunnel;
namespace flag = mux::flag;

namespace {

template <std::size_t N>
std::string text(const std::array<std::uint8_t, N>& from) {
  return {from.begin(), from.end()};
}

std::string frame(const frame_header& header, const std::string& payload = "") {
  return text(mux::encode(header)) + payload;
}

/// Returns the frame that opens the stream `id`.
std::string opening(std::uint32_t id) {
  return frame({frame_type::window_update, flag::syn, id, 0});
}

std::string data(std::uint32_t id, const std::string& payload, std::uint16_t flags = 0) {
  return frame({frame_type::data, flags, id, static_cast<std::uint32_t>(payload.size())}, payload);
}

/// A server, and a peer of it that has asked for multiplexing.
struct hostile_tunnel : sim_tunnel {
  explicit hostile_tunnel(std::uint64_t seed) : sim_tunnel(seed) {
    start_server();
    world.run_for(1s);
  }

  /// Returns a connection on which the Hellos were exchanged.
  sim::stream multiplexed() {
    auto made = bench.must(bench.dial(address{"server", 2333}));
    bench.must(made.write(mux::encode_hello({})));
    std::string answer;
    while (answer.size() < mux::hello_size) answer += bench.must(read_once(made));
    CHECK(mux::decode_hello(bytes(answer)).has_value());
    CHECK(answer.size() == mux::hello_size);
    return made;
  }

  /// Returns the frames, without payloads, that arrive until the connection ends or `time` has
  /// passed.
  std::vector<frame_header> frames(sim::stream& from, duration time) {
    const time_point end = world.now() + time;
    std::vector<frame_header> out;
    for (;;) {
      const auto more = bench.begin(read_once(from));
      world.run_until([&] { return more->has_value(); }, end - world.now());
      if (!more->has_value()) {
        from.close();
        world.run_for(0s);
        break;
      }
      if (!**more || (**more)->empty()) break;
      unread += ***more;
    }
    while (unread.size() >= mux::header_size) {
      const auto header =
          mux::decode(std::span<const std::uint8_t, mux::header_size>(bytes(unread).first(12)));
      REQUIRE(header.has_value());
      out.push_back(*header);
      unread.erase(0, mux::header_size + header->payload_size());
    }
    return out;
  }

  [[nodiscard]] std::size_t failures() const {
    return server->events.count<server_side::handshake_failed>();
  }
  [[nodiscard]] std::error_code last_failure() const {
    return server->events.last_error<server_side::handshake_failed>();
  }

  std::string unread;
};

}  // namespace

TEST_CASE("multiplexed, hostile: the 17th stream before authentication is refused") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  hostile_tunnel tunnel(seed);
  tunnel.server_settings.max_handshakes_per_address = 2;
  tunnel.server->update(tunnel.server_settings);
  tunnel.world.run_for(10ms);
  auto peer = tunnel.multiplexed();
  std::string all;
  for (std::uint32_t i = 0; i < mux::max_unauthenticated_streams + 1; ++i)
    all += opening(2 * i + 1);
  tunnel.bench.must(peer.write(bytes(all)));
  tunnel.world.run_for(1s);
  // It is one unauthenticated connection, whatever it opens.
  auto second = tunnel.bench.must(tunnel.bench.dial(address{"server", 2333}));
  tunnel.world.run_for(1s);
  CHECK(tunnel.failures() == 0);
  CHECK(tunnel.server->descriptors().multiplexed == 0);
  std::vector<std::uint32_t> refused;
  for (const auto& each : tunnel.frames(peer, 30s)) {
    if (each.has(flag::rst)) refused.push_back(each.id);
  }
  REQUIRE(!refused.empty());
  CHECK(refused.front() == 2 * mux::max_unauthenticated_streams + 1);
}

TEST_CASE(
    "multiplexed, hostile: a connection without an authenticated stream ends at its deadline") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  hostile_tunnel tunnel(seed);
  auto peer = tunnel.multiplexed();
  const time_point began = tunnel.world.now();
  duration longest = 5s;
  SUBCASE("without streams") {}
  SUBCASE("with silent streams") { tunnel.bench.must(peer.write(bytes(opening(1) + opening(3)))); }
  SUBCASE("with Hellos again and again") {
    // Hellos are steps of the handshake, of which there are at most four.
    longest = 20s;
    for (std::uint32_t id = 1; id < 40; id += 2) {
      const protocol::hello hello{protocol::hello_kind::data, protocol::digest{1}};
      const auto sent = tunnel.bench.get(
          peer.write(bytes(data(id, text(bincode::encode_hello(hello)), flag::syn | flag::fin))));
      if (!sent) break;
      tunnel.world.run_for(2s);
    }
  }
  for (;;) {
    const auto more = tunnel.bench.get(read_once(peer));
    if (!more || more->empty()) break;
  }
  CHECK(tunnel.world.now() - began <= longest + 1s);
  tunnel.world.run_for(6s);
  CHECK(tunnel.failures() >= 1);
  peer.close();
  tunnel.world.run_for(1s);
  CHECK(tunnel.world.net().in_use().streams == 0);
}

TEST_CASE("multiplexed, hostile: a peer that breaks the rules is cut, and the reason is reported") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  hostile_tunnel tunnel(seed);
  auto peer = tunnel.multiplexed();
  mux_errc reason{};
  std::string sent;
  SUBCASE("noise instead of frames") {
    reason = mux_errc::wrong_version;
    sent = std::string(64, '\xee');
  }
  SUBCASE("a flood of pings") {
    reason = mux_errc::ping_flood;
    for (std::uint32_t i = 0; i < 1000; ++i) sent += frame({frame_type::ping, flag::syn, 0, i});
  }
  SUBCASE("a flood of streams") {
    reason = mux_errc::stream_flood;
    for (std::uint32_t i = 0; i < 1000; ++i) sent += opening(2 * i + 1);
  }
  SUBCASE("streams that are opened and reset") {
    reason = mux_errc::reset_flood;
    for (std::uint32_t i = 0; i < 1000; ++i) {
      sent += opening(2 * i + 1) + frame({frame_type::window_update, flag::rst, 2 * i + 1, 0});
    }
  }
  SUBCASE("more than a window") {
    reason = mux_errc::window_overrun;
    sent = data(1, std::string(64 * 1024, 'x'), flag::syn);
  }
  SUBCASE("an even stream") {
    reason = mux_errc::wrong_stream_id;
    sent = opening(2);
  }
  const auto written = tunnel.bench.begin(peer.write(bytes(sent)));
  bool said_why = false;
  for (const auto& each : tunnel.frames(peer, 3s)) {
    if (each.type == frame_type::go_away && each.length == 1) said_why = true;
  }
  CHECK(said_why);
  tunnel.world.run_for(6s);
  CHECK(tunnel.failures() >= 1);
  bool is_reported = false;
  for (const std::string& line : tunnel.server->events.lines()) {
    is_reported |= line.contains(make_error_code(reason).message());
  }
  CHECK(is_reported);
}

TEST_CASE("multiplexed, hostile: a Hello with wrong parameters, and one within a stream") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  hostile_tunnel tunnel(seed);
  SUBCASE("wrong parameters") {
    auto peer = tunnel.bench.must(tunnel.bench.dial(address{"server", 2333}));
    mux::encoded_hello hello = mux::encode_hello({});
    hello.back() = 1;
    tunnel.bench.must(peer.write(hello));
    CHECK(tunnel.bench.must(read_once(peer)) == "");
    CHECK(tunnel.last_failure() == errc::malformed_message);
  }
  SUBCASE("within a stream") {
    auto peer = tunnel.multiplexed();
    tunnel.bench.must(peer.write(bytes(data(1, text(mux::encode_hello({})), flag::syn))));
    tunnel.world.run_for(1s);
    CHECK(tunnel.last_failure() == errc::unexpected_hello);
  }
  CHECK(tunnel.failures() == 1);
}

TEST_CASE("multiplexed, hostile: connections are bounded like those without multiplexing") {
  const auto seed = test::scenario_seed(5);
  REPLAYABLE(seed);
  hostile_tunnel tunnel(seed);
  tunnel.server_settings.max_handshakes_per_address = 4;
  tunnel.server->update(tunnel.server_settings);
  tunnel.world.run_for(10ms);
  std::vector<sim::stream> peers;
  for (int i = 0; i < 10; ++i) peers.push_back(tunnel.multiplexed());
  tunnel.world.run_for(10ms);
  CHECK(tunnel.failures() == 6);
  CHECK(tunnel.last_failure() == errc::limit_reached);
}

TEST_CASE("multiplexed, hostile: a stream of an authenticated client has its own deadline") {
  const auto seed = test::scenario_seed(6);
  REPLAYABLE(seed);
  hostile_tunnel tunnel(seed);
  auto peer = tunnel.multiplexed();
  const protocol::hello hello{protocol::hello_kind::control, protocol::service_digest("web")};
  tunnel.bench.must(peer.write(bytes(data(1, text(bincode::encode_hello(hello)), flag::syn))));
  // The nonce is in the first Data frame that the server sends.
  std::string in;
  const auto frame_size = mux::header_size + bincode::hello_size;
  const auto nonce_frame = [&]() -> std::string {
    for (std::size_t at = 0; at + mux::header_size <= in.size();) {
      const auto header = mux::decode(std::span<const std::uint8_t, mux::header_size>(
          bytes(in).subspan(at).first(mux::header_size)));
      const bool is_whole = in.size() >= at + frame_size;
      if (header->type == frame_type::data && is_whole) return in.substr(at, frame_size);
      at += mux::header_size + header->payload_size();
    }
    return {};
  };
  while (nonce_frame().empty()) in += tunnel.bench.must(read_once(peer));
  const std::string nonce = nonce_frame();
  const auto challenge = bincode::decode_hello(bytes(nonce).subspan(mux::header_size));
  REQUIRE(challenge.has_value());
  const secret& token = tunnel.server_settings.services[0].token;
  const auto auth = bincode::encode_auth(protocol::session_key(token, challenge->digest));
  tunnel.bench.must(peer.write(bytes(data(1, text(auth)))));
  REQUIRE(tunnel.run_until([&] {
    return tunnel.server->events.count<server_side::control_channel_established>() == 1;
  }) == sim::outcome::done);
  CHECK(tunnel.server->descriptors().multiplexed == 1);

  std::string all;
  for (std::uint32_t id = 3; id < 203; id += 2) all += opening(id);
  tunnel.bench.must(peer.write(bytes(all)));
  tunnel.world.run_for(1s);
  CHECK(tunnel.failures() == 0);
  tunnel.world.run_for(5s);
  CHECK(tunnel.failures() == 100);
  CHECK(tunnel.last_failure() == errc::timed_out);
  CHECK(tunnel.server->events.count<server_side::control_channel_closed>() == 0);

  // After its last authenticated stream it counts again.
  std::string last = data(1, "", flag::fin);
  SUBCASE("without a GoAway") {}
  SUBCASE("after a GoAway of the peer, which may go on opening streams") {
    last = frame({frame_type::go_away, 0, 0, 0}) + opening(203) + last;
  }
  tunnel.bench.must(peer.write(bytes(last)));
  tunnel.world.run_for(100ms);
  CHECK(tunnel.server->descriptors().multiplexed == 0);
  CHECK(tunnel.world.net().in_use().streams == 2);
  tunnel.world.run_for(20s);
  CHECK(tunnel.world.net().in_use().streams == 1);
}
