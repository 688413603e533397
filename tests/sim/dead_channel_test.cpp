// Dead or surplus data channels, from a client that the test scripts step by step.

#include "support/sim_tunnel.hpp"

#include <rathole/protocol/authenticate.hpp>
#include <rathole/protocol/bincode.hpp>

#include <array>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

using namespace rathole;
using namespace std::chrono_literals;
using protocol::bincode;
using test::bytes, test::read_once, test::sim_tunnel;

namespace {

/// An accepted client of the service "web".
class scripted_client {
 public:
  explicit scripted_client(sim_tunnel& tunnel) : bench_(tunnel.bench), control_(dial()) {
    const protocol::digest service = protocol::service_digest("web");
    say_hello(control_, protocol::hello_kind::control, service);
    std::array<std::uint8_t, bincode::hello_size> answer;
    read(control_, answer);
    const auto nonce = bincode::decode_hello(answer);
    REQUIRE(nonce.has_value());
    session_key_ = protocol::session_key(tunnel.server_settings.services[0].token, nonce->digest);
    bench_.must(control_.write(bincode::encode_auth(session_key_)));
    std::array<std::uint8_t, bincode::ack_size> ack;
    read(control_, ack);
    REQUIRE(bincode::decode_ack(ack) == protocol::ack::ok);
  }

  /// Receives one request for a data channel.
  void expect_request() {
    std::array<std::uint8_t, bincode::control_command_size> command;
    read(control_, command);
    CHECK(bincode::decode_control_command(command) ==
          protocol::control_command::create_data_channel);
  }

  /// Returns whether there is no further request.
  [[nodiscard]] bool all_requests_taken() {
    const auto more = bench_.begin(control_.wait_readable());
    bench_.world.run_for(1s);
    const bool silent = !more->has_value();
    control_.cancel_wait();
    bench_.world.run_for(0s);
    return silent;
  }

  sim::stream open_data_channel() {
    sim::stream channel = dial();
    say_hello(channel, protocol::hello_kind::data, session_key_);
    return channel;
  }

  /// Opens a data channel whose end arrives together with its Hello.
  void open_dead_data_channel() {
    sim::stream channel = dial();
    auto& net = bench_.world.net();
    net.partition("client", "server");
    say_hello(channel, protocol::hello_kind::data, session_key_);
    channel.close();
    bench_.world.run_for(1s);
    net.heal("client", "server");
  }

  /// Ends the control channel.
  void end_session() { control_.close(); }

  /// Receives the command to start a visitor's traffic.
  void expect_start(sim::stream& channel) {
    std::array<std::uint8_t, bincode::data_command_size> command;
    read(channel, command);
    CHECK(bincode::decode_data_command(command) == protocol::data_command::start_forward_tcp);
  }

 private:
  sim::stream dial() { return bench_.must(bench_.dial(address{"server", 2333})); }

  void say_hello(sim::stream& to, protocol::hello_kind kind, const protocol::digest& digest) {
    bench_.must(to.write(bincode::encode_hello(protocol::hello{kind, digest})));
  }

  void read(sim::stream& from, byte_span out) {
    while (!out.empty()) {
      const std::size_t count = bench_.must(from.read_some(out));
      REQUIRE(count > 0);
      out = out.subspan(count);
    }
  }

  test::sim_bench& bench_;
  sim::stream control_;
  protocol::digest session_key_{};
};

/// Asks the server for a stream; see `basic_server::connect`.
test::pending<std::shared_ptr<io::shared_stream>> connect(sim_tunnel& tunnel,
                                                          std::stop_token cancel) {
  auto out = std::make_shared<std::optional<server_side::connected_stream>>();
  tunnel.server->connect("web", std::move(cancel), [out](server_side::connected_stream made) {
    out->emplace(std::move(made));
  });
  return out;
}

}  // namespace

TEST_CASE("dead channel: an idle channel that dies is noticed at once and replaced") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.server_settings.services[0].pool.size = 2;
  tunnel.start_server();
  scripted_client client(tunnel);
  client.expect_request();
  client.expect_request();
  auto first = client.open_data_channel();
  auto second = client.open_data_channel();
  CHECK(client.all_requests_taken());

  SUBCASE("closed") { first.close(); }
  SUBCASE("reset") { first.abort(); }
  SUBCASE("client sends too early") {
    tunnel.bench.must(first.write(bytes("x")));
    CHECK(tunnel.bench.get(read_once(first)).error() == std::errc::connection_reset);
  }
  client.expect_request();
  CHECK(client.all_requests_taken());

  const auto visit = tunnel.bench.begin(tunnel.visit("hello"));
  client.expect_start(second);
  CHECK(tunnel.bench.must(test::read_all(second)) == "hello");
  tunnel.bench.must(second.write(bytes("good day")));
  second.close();
  CHECK(tunnel.bench.get(visit) == "good day");
}

TEST_CASE("dead channel: a visitor is moved to another channel, three at most") {
  const auto seed = test::scenario_seed(2);
  for (const int dead : {1, 2, 3}) {
    REPLAYABLE(seed);
    CAPTURE(dead);
    sim_tunnel tunnel(seed);
    tunnel.server_settings.services[0].pool.size = 0;
    tunnel.start_server();
    scripted_client client(tunnel);
    const auto visit = tunnel.bench.begin(tunnel.visit("hello"));
    for (int i = 0; i < dead; ++i) {
      client.expect_request();
      client.open_dead_data_channel();
    }
    if (dead < 3) {
      client.expect_request();
      auto living = client.open_data_channel();
      client.expect_start(living);
      CHECK(tunnel.bench.must(test::read_all(living)) == "hello");
      living.close();
      CHECK(tunnel.bench.get(visit) == "");
      CHECK(tunnel.server->events.count<server_side::visitor_refused>() == 0);
    } else {
      CHECK(tunnel.bench.get(visit).error() == std::errc::connection_reset);
      CHECK(tunnel.server->events.count<server_side::visitor_refused>() == 1);
      CHECK(tunnel.server->events.last_error<server_side::visitor_refused>() ==
            errc::end_of_stream);
      CHECK(tunnel.server->events.count<server_side::forward_started>() == 0);
    }
  }
}

TEST_CASE("dead channel: a request of the program is moved to another channel, three at most") {
  const auto seed = test::scenario_seed(5);
  for (const int dead : {1, 2, 3}) {
    REPLAYABLE(seed);
    CAPTURE(dead);
    sim_tunnel tunnel(seed);
    tunnel.server_settings.services[0].pool.size = 0;
    tunnel.start_server();
    scripted_client client(tunnel);
    const auto request = connect(tunnel, {});
    for (int i = 0; i < dead; ++i) {
      client.expect_request();
      client.open_dead_data_channel();
    }
    if (dead < 3) {
      client.expect_request();
      auto living = client.open_data_channel();
      client.expect_start(living);
      auto stream = tunnel.bench.get(request);
      REQUIRE(stream.has_value());
      tunnel.bench.must((*stream)->write(bytes("hello")));
      (*stream)->close();
      CHECK(tunnel.bench.must(test::read_all(living)) == "hello");
      CHECK(tunnel.server->events.count<server_side::visitor_refused>() == 0);
    } else {
      CHECK(tunnel.bench.get(request).error() == errc::end_of_stream);
      CHECK(tunnel.server->events.last_error<server_side::visitor_refused>() ==
            errc::end_of_stream);
    }
  }
}

TEST_CASE("dead channel: a request that is cancelled while its channel is started closes that") {
  const auto seed = test::scenario_seed(6);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.server_settings.services[0].pool.size = 1;
  tunnel.start_server();
  scripted_client client(tunnel);
  client.expect_request();
  // The client does not read, so the command that starts the channel is not taken.
  sim::link_conditions narrow;
  narrow.window = bincode::data_command_size / 2;
  tunnel.world.net().set_conditions(narrow);
  const auto channel = client.open_data_channel();
  std::stop_source stop;
  const auto request = connect(tunnel, stop.get_token());
  tunnel.world.run_for(1s);
  const auto starting = [&] {
    std::size_t out = 0;
    tunnel.server->for_each_pool([&](const auto&, const auto& in) { out += in.starting; });
    return out;
  };
  CHECK(starting() == 1);
  CHECK(tunnel.world.net().held("server", "client") == 2);
  stop.request_stop();
  CHECK(tunnel.bench.get(request).error() == errc::stopped);
  tunnel.world.run_for(0s);
  CHECK(starting() == 0);
  CHECK(tunnel.world.net().held("server", "client") == 1);
  CHECK(tunnel.server->descriptors().waiting == 0);
  CHECK(tunnel.server->events.count<server_side::visitor_refused>() == 0);
  CHECK(tunnel.server->events.count<server_side::forward_started>() == 0);
  CHECK(tunnel.server->events.count<server_side::control_channel_closed>() == 0);
}

TEST_CASE("dead channel: the end of the session closes a channel that is being started") {
  const auto seed = test::scenario_seed(4);
  for (const auto kind : {config::service_kind::tcp, config::service_kind::udp}) {
    const bool has_visitor = kind == config::service_kind::tcp;
    REPLAYABLE(seed);
    CAPTURE(has_visitor);
    sim_tunnel tunnel(seed);
    tunnel.server_settings.services[0].kind = kind;
    tunnel.server_settings.services[0].pool.size = 1;
    tunnel.start_server();
    scripted_client client(tunnel);
    client.expect_request();
    // The client does not read, so the command that starts the channel is not taken.
    sim::link_conditions narrow;
    narrow.window = bincode::data_command_size / 2;
    tunnel.world.net().set_conditions(narrow);
    const auto channel = client.open_data_channel();
    test::pending<std::string> visit;
    if (has_visitor) visit = tunnel.bench.begin(tunnel.visit("hello"));
    tunnel.world.run_for(1s);
    CHECK(tunnel.world.net().held("server", "client") == 2);
    CHECK(tunnel.server->events.count<server_side::visitor_refused>() == 0);

    client.end_session();
    tunnel.world.run_for(1s);
    CHECK(tunnel.world.net().held("server", "client") == 0);
    CHECK(tunnel.world.net().held("server", "visitor") == 0);
    CHECK(tunnel.server->events.count<server_side::control_channel_closed>() == 1);
    CHECK(tunnel.server->events.count<server_side::forward_started>() == 0);
    CHECK(tunnel.server->events.count<server_side::visitor_refused>() == (has_visitor ? 1 : 0));
    if (!has_visitor) continue;
    const auto reason = tunnel.server->events.last_error<server_side::control_channel_closed>();
    CHECK(tunnel.server->events.last_error<server_side::visitor_refused>() == reason);
    CHECK(reason);
    const auto answer = tunnel.bench.get(visit);
    CHECK((!answer || answer->empty()));
  }
}

TEST_CASE("dead channel: surplus idle channels are closed, and those of other sessions refused") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.server_settings.services[0].pool.size = 3;
  tunnel.server_settings.services[0].pool.max_idle = 3;
  tunnel.start_server();
  scripted_client client(tunnel);
  std::vector<sim::stream> idle;
  for (int i = 0; i < 3; ++i) idle.push_back(client.open_data_channel());
  auto surplus = client.open_data_channel();
  CHECK(tunnel.bench.must(read_once(surplus)) == "");
  for (auto& channel : idle) CHECK_FALSE(channel.peer_has_closed());

  auto stranger = tunnel.bench.must(tunnel.bench.dial(address{"server", 2333}));
  const protocol::hello wrong{protocol::hello_kind::data, protocol::digest{}};
  tunnel.bench.must(stranger.write(bincode::encode_hello(wrong)));
  CHECK(tunnel.bench.must(read_once(stranger)) == "");
  CHECK(tunnel.server->events.last_error<server_side::handshake_failed>() == errc::unknown_session);
}
