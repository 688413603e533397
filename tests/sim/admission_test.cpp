// Unauthenticated connections to the server's port, however many there are.

#include "support/sim_tunnel.hpp"

#include <rathole/protocol/authenticate.hpp>
#include <rathole/protocol/bincode.hpp>
#include <rathole/server/server.hpp>
#include <rathole/transport/tcp.hpp>

#include <algorithm>

using namespace rathole;
using namespace std::chrono_literals;
using protocol::bincode;
using server_side::refusal;
using test::bytes, test::read_once, test::sim_tunnel;

namespace {

const address server_port{"server", 2333};

/// A set of peers on one host that connect to the server's port.
class crowd {
 public:
  crowd(sim_tunnel& tunnel, const char* host)
      : tunnel_(tunnel), runtime_(tunnel.world.make_runtime(host)) {}

  sim::stream& join() {
    const auto until = tunnel_.world.now() + 10s;
    peers_.push_back(tunnel_.bench.must(runtime_.connect(server_port, {}, until, {})));
    return peers_.back();
  }
  void join(int count) {
    for (int i = 0; i < count; ++i) join();
  }

  /// Returns how many connections the server has not closed.
  std::size_t still_open() {
    return static_cast<std::size_t>(
        std::ranges::count_if(peers_, [](sim::stream& each) { return !each.peer_has_closed(); }));
  }
  [[nodiscard]] bool is_open(std::size_t which) { return !peers_[which].peer_has_closed(); }
  void leave() { peers_.clear(); }

 private:
  sim_tunnel& tunnel_;
  sim::runtime runtime_;
  std::deque<sim::stream> peers_;
};

void limit(sim_tunnel& tunnel, std::size_t total, std::size_t per_address) {
  tunnel.server_settings.max_handshakes = total;
  tunnel.server_settings.max_handshakes_per_address = per_address;
}

/// Records the summaries of a server.
struct summaries {
  void on(const server_side::connections_refused& e) { all.push_back(e.what); }
  std::vector<server_side::refusal_summary> all;
};

}  // namespace

TEST_CASE("admission: the oldest connection of an address is closed for its newest") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  limit(tunnel, 100, 3);
  tunnel.start_all();
  crowd quiet(tunnel, "quiet");
  crowd flood(tunnel, "flood");
  quiet.join(2);
  flood.join(10);
  tunnel.world.run_for(1s);
  CHECK(quiet.still_open() == 2);
  CHECK(flood.still_open() == 3);
  CHECK(flood.is_open(7));
  const auto& events = tunnel.server->events;
  CHECK(events.count<server_side::handshake_failed>() == 7);
  CHECK(events.last_error<server_side::handshake_failed>() == errc::limit_reached);
  flood.leave();
  quiet.leave();
  tunnel.stop_all();
}

TEST_CASE("admission: a flood from the client's own address keeps out neither it nor visitors") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  limit(tunnel, 20, 5);
  tunnel.start_all();
  crowd flood(tunnel, "client");
  flood.join(50);
  tunnel.world.run_for(1s);
  // While the address has a control channel, only the total limit applies to it.
  CHECK(flood.still_open() == 20);
  CHECK(tunnel.bench.must(tunnel.visit("not held up")) == "not held up");

  tunnel.client->stop_now();
  tunnel.world.run_for(1s);
  flood.join(50);
  tunnel.start_client();
  CHECK(tunnel.serves_again(3s));
  flood.join(50);
  CHECK(tunnel.bench.must(tunnel.visit("nor now")) == "nor now");
  CHECK(tunnel.client->events.count<client_side::control_channel_failed>() == 0);
  flood.leave();
  tunnel.stop_all();
}

TEST_CASE("admission: a flood from many addresses displaces no data channel of a client") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  limit(tunnel, 20, 5);
  tunnel.start_all();
  std::deque<crowd> flood;
  for (int i = 0; i < 40; ++i) {
    flood.emplace_back(tunnel, ("flood" + std::to_string(i)).c_str()).join(2);
    if (i % 10 == 0) CHECK(tunnel.bench.must(tunnel.visit("in between")) == "in between");
  }
  CHECK(tunnel.client->events.count<client_side::data_channel_failed>() == 0);
  flood.clear();
  tunnel.stop_all();
}

TEST_CASE("admission: an authenticated connection is no longer counted") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  limit(tunnel, 10, 1);
  tunnel.start_all();
  std::vector<sim::stream> visitors;
  for (int i = 0; i < 30; ++i) {
    visitors.push_back(tunnel.bench.must(tunnel.arrive()));
    tunnel.bench.must(visitors.back().write(bytes("hello")));
    CHECK(tunnel.bench.must(read_once(visitors.back())) == "hello");
  }
  CHECK(tunnel.server->events.count<server_side::handshake_failed>() == 0);
  visitors.clear();
  tunnel.stop_all();
}

TEST_CASE(
    "admission: each step before the authentication has a deadline, which only a step extends") {
  const auto seed = test::scenario_seed(5);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_server();
  auto begin = tunnel.world.now();
  auto peer = tunnel.bench.must(tunnel.bench.dial(server_port));
  const auto say_hello = [&](const char* service) {
    const protocol::hello hello{protocol::hello_kind::control, protocol::service_digest(service)};
    tunnel.bench.must(peer.write(bincode::encode_hello(hello)));
  };
  SUBCASE("one byte at a time") {
    for (int i = 0; i < 10; ++i) {
      tunnel.world.run_for(400ms);
      tunnel.bench.must(peer.write(bytes({"\0", 1})));
    }
  }
  SUBCASE("a Hello and no Auth") {
    tunnel.world.run_for(4s);
    begin = tunnel.world.now();
    say_hello("web");
    CHECK(tunnel.bench.must(read_once(peer)).size() == bincode::hello_size);
  }
  SUBCASE("an Auth that does not end") {
    say_hello("web");
    CHECK(tunnel.bench.must(read_once(peer)).size() == bincode::hello_size);
    for (int i = 0; i < 10; ++i) {
      tunnel.world.run_for(400ms);
      tunnel.bench.must(peer.write(bytes("x")));
    }
  }
  SUBCASE("refused, and continues to send") {
    say_hello("ghost");
    std::size_t received = 0;
    while (received < bincode::hello_size + bincode::ack_size) {
      received += tunnel.bench.must(read_once(peer)).size();
    }
    tunnel.world.run_for(4s);
    tunnel.bench.must(peer.write(bytes("still there")));
  }
  SUBCASE("reads nothing from the server") {
    sim::link_conditions shut;
    shut.window = 1;
    tunnel.world.net().set_conditions(shut);
    say_hello("web");
  }
  // Only the peer's own end remains.
  const auto closed = [&] { return tunnel.world.net().in_use().streams == 1; };
  CHECK(tunnel.run_until(closed) == sim::outcome::done);
  const auto took = tunnel.world.now() - begin;
  CHECK(took >= 5s);
  CHECK(took < 5s + 100ms);
  tunnel.world.run_for(1s);
  CHECK(tunnel.server->events.count<server_side::handshake_failed>() +
            tunnel.server->events.count<server_side::unknown_service>() ==
        1);
  peer.close();
  tunnel.server->stop();
  REQUIRE(tunnel.run_until([&] { return tunnel.server->ended().has_value(); }) ==
          sim::outcome::done);
  tunnel.world.run_for(1s);
  CHECK(tunnel.world.net().in_use().streams == 0);
}

TEST_CASE("admission: a replayed handshake does not authenticate, nor does a guessed session") {
  const auto seed = test::scenario_seed(6);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_server();
  const protocol::hello hello{protocol::hello_kind::control, protocol::service_digest("web")};
  const auto read_hello = [&](sim::stream& peer) {
    tunnel.bench.must(peer.write(bincode::encode_hello(hello)));
    std::string answer;
    while (answer.size() < bincode::hello_size) answer += tunnel.bench.must(read_once(peer));
    return bincode::decode_hello(bytes(answer))->digest;
  };
  auto first = tunnel.bench.must(tunnel.bench.dial(server_port));
  const secret& token = tunnel.server_settings.services[0].token;
  const auto recorded = bincode::encode_auth(protocol::session_key(token, read_hello(first)));
  tunnel.bench.must(first.write(recorded));
  const auto& events = tunnel.server->events;
  REQUIRE(tunnel.run_until([&] {
    return events.count<server_side::control_channel_established>() == 1;
  }) == sim::outcome::done);

  auto replay = tunnel.bench.must(tunnel.bench.dial(server_port));
  read_hello(replay);
  tunnel.bench.must(replay.write(recorded));
  const std::string verdict = tunnel.bench.must(read_once(replay));
  CHECK(bincode::decode_ack(bytes(verdict)) == protocol::ack::authentication_failed);
  CHECK(events.count<server_side::authentication_failed>() == 1);
  CHECK(events.count<server_side::control_channel_replaced>() == 0);

  // It is closed at once, not at the time-out.
  auto guess = tunnel.bench.must(tunnel.bench.dial(server_port));
  const protocol::hello data{protocol::hello_kind::data, protocol::digest{1}};
  tunnel.bench.must(guess.write(bincode::encode_hello(data)));
  const auto asked = tunnel.world.now();
  CHECK(tunnel.bench.must(read_once(guess)) == "");
  CHECK(tunnel.world.now() - asked < 1s);
  CHECK(events.last_error<server_side::handshake_failed>() == errc::unknown_session);
}

TEST_CASE("admission: refused connections are summarized once per interval, and at the end") {
  const auto seed = test::scenario_seed(7);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  limit(tunnel, 10, 10);
  summaries reported;
  std::optional<std::error_code> ended;
  const address any{"0.0.0.0", 2333};
  tunnel.server_settings.bind_addr = any;
  server_side::basic_server<transport::tcp<sim::runtime>, summaries> server(
      {tunnel.world.make_runtime("server"), {}}, tunnel.server_settings, reported);
  server.async_run([&](std::error_code ec) { ended = ec; });
  tunnel.world.run_for(1s);
  const auto begin = tunnel.world.now();
  crowd flood(tunnel, "flood");
  flood.join(15);
  tunnel.bench.must(flood.join().write(bytes(std::string(37, 'x'))));
  tunnel.world.run_for(55s);
  CHECK(reported.all.empty());
  tunnel.world.run_for(begin + 61s - tunnel.world.now());
  REQUIRE(reported.all.size() == 1);
  CHECK(reported.all[0].count(refusal::too_many) == 6);
  CHECK(reported.all[0].count(refusal::timed_out) == 9);
  CHECK(reported.all[0].count(refusal::not_the_protocol) == 1);
  CHECK(reported.all[0].total() == 16);
  CHECK(reported.all[0].sources == 1);
  CHECK(reported.all[0].most_active == "flood");
  CHECK(reported.all[0].by_most_active == 16);
  CHECK(reported.all[0].lasted == server_side::refusal_interval);

  tunnel.world.run_for(1h);
  CHECK(reported.all.size() == 1);
  flood.join().close();
  tunnel.world.run_for(1s);
  CHECK(reported.all.size() == 1);
  server.stop();
  const auto stopped = tunnel.world.now();
  REQUIRE(tunnel.run_until([&] { return ended.has_value(); }) == sim::outcome::done);
  CHECK(tunnel.world.now() - stopped < 1s);
  REQUIRE(reported.all.size() == 2);
  CHECK(reported.all[1].count(refusal::closed_early) == 1);
  CHECK(reported.all[1].total() == 1);
  CHECK(reported.all[1].lasted < 2s);
  flood.leave();
  tunnel.world.run_for(1s);
  CHECK(tunnel.world.net().in_use().timers == 0);
}

TEST_CASE("admission: a stopping server does not wait for unauthenticated connections") {
  const auto seed = test::scenario_seed(8);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_all();
  crowd silent(tunnel, "silent");
  silent.join(20);
  const auto begin = tunnel.world.now();
  tunnel.server->stop();
  REQUIRE(tunnel.run_until([&] { return tunnel.server->ended().has_value(); }) ==
          sim::outcome::done);
  CHECK(tunnel.world.now() - begin < 1s);
  tunnel.world.run_for(1s);
  CHECK(silent.still_open() == 0);
  CHECK(tunnel.server->events.count<server_side::handshake_failed>() == 0);
  CHECK(tunnel.server->events.count<server_side::connections_refused>() == 0);
  silent.leave();
  tunnel.stop_all();
}

TEST_CASE("pacing: a client whose data channels die at once does not dial all the time") {
  const auto seed = test::scenario_seed(9);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.start_server();
  auto control = tunnel.bench.must(tunnel.bench.dial(server_port));
  const protocol::hello hello{protocol::hello_kind::control, protocol::service_digest("web")};
  tunnel.bench.must(control.write(bincode::encode_hello(hello)));
  std::string received;
  const auto on_data = [&](std::size_t count) {
    while (received.size() < count) received += tunnel.bench.must(read_once(control));
    const std::string out = received.substr(0, count);
    received.erase(0, count);
    return out;
  };
  const auto nonce = bincode::decode_hello(bytes(on_data(bincode::hello_size)))->digest;
  const auto key = protocol::session_key(tunnel.server_settings.services[0].token, nonce);
  tunnel.bench.must(control.write(bincode::encode_auth(key)));
  on_data(bincode::ack_size);
  const protocol::hello data{protocol::hello_kind::data, key};
  const auto begin = tunnel.world.now();
  int requests = 0;
  while (tunnel.world.now() - begin < 1min) {
    const auto command =
        bincode::decode_control_command(bytes(on_data(bincode::control_command_size)));
    if (command != protocol::control_command::create_data_channel) continue;
    ++requests;
    auto channel = tunnel.bench.must(tunnel.bench.dial(server_port));
    tunnel.bench.must(channel.write(bincode::encode_hello(data)));
    channel.close();
  }
  // After the first losses each of the pool's eight channels is replaced at most once a second.
  CHECK(requests > 8);
  CHECK(requests < 9 * 60);
}

TEST_CASE("limit: connections beyond the client's limit are reset, the others continue") {
  const auto seed = test::scenario_seed(10);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.client_settings.max_forwards = 2;
  tunnel.start_all();
  std::vector<sim::stream> visitors;
  for (int i = 0; i < 3; ++i) {
    visitors.push_back(tunnel.bench.must(tunnel.arrive()));
    tunnel.bench.must(visitors.back().write(bytes("hello")));
    tunnel.world.run_for(1s);
  }
  CHECK(tunnel.bench.must(read_once(visitors[0])) == "hello");
  CHECK(tunnel.bench.must(read_once(visitors[1])) == "hello");
  CHECK(tunnel.bench.get(read_once(visitors[2])).error() == std::errc::connection_reset);
  CHECK(tunnel.client->events.last_error<client_side::data_channel_failed>() ==
        errc::limit_reached);
  visitors[0].close();
  tunnel.world.run_for(1s);
  CHECK(tunnel.bench.must(tunnel.visit("room again")) == "room again");
  visitors.clear();
  tunnel.stop_all();
}
