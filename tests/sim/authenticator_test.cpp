// The program's decision which clients may serve: `server_hooks::authenticate`.

#include "support/sim_tunnel.hpp"

#include <rathole/protocol/authenticate.hpp>
#include <rathole/protocol/bincode.hpp>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using protocol::bincode;
using server_side::authentication_answer, server_side::authentication_request;
using test::sim_tunnel;

namespace {

/// A question of the server, kept by the test.
struct question {
  authentication_request request;
  authentication_answer answer;
};

/// A tunnel whose authenticator keeps all questions.
struct asking_tunnel : sim_tunnel {
  explicit asking_tunnel(std::uint64_t seed) : sim_tunnel(seed) {
    // The token of the settings has no meaning for the hook.
    server_settings.services[0].token = secret("only for the settings");
    hooks->authenticate = [all = asked](authentication_request request,
                                        authentication_answer answer) {
      all->push_back({std::move(request), std::move(answer)});
    };
    start_service("client", test::echo);
    start_server();
  }

  /// Starts the client and runs until the server asks for the `count`th time.
  question& ask(std::size_t count = 1) {
    if (!client) start_client();
    REQUIRE(run_until([&] { return asked->size() >= count; }, 1min) == sim::outcome::done);
    return asked->at(count - 1);
  }

  [[nodiscard]] std::size_t established() const {
    return client->events.count<client_side::control_channel_established>();
  }

  std::shared_ptr<std::vector<question>> asked = std::make_shared<std::vector<question>>();
};

/// A client that the test scripts, with an Auth of its choice.
struct raw_client {
  raw_client(sim_tunnel& in, std::string_view service, const protocol::digest& auth)
      : tunnel(in), stream(in.bench.must(in.bench.dial(address{"server", 2333}))) {
    const protocol::hello hello{protocol::hello_kind::control, protocol::service_digest(service)};
    tunnel.bench.must(stream.write(bincode::encode_hello(hello)));
    std::array<std::uint8_t, bincode::hello_size> nonce;
    read(nonce);
    tunnel.bench.must(stream.write(bincode::encode_auth(auth)));
  }

  /// Returns the server's response; nothing if the connection ends without one.
  std::optional<protocol::ack> response() {
    std::array<std::uint8_t, bincode::ack_size> ack;
    if (!read(ack)) return std::nullopt;
    const auto out = bincode::decode_ack(ack);
    REQUIRE(out.has_value());
    return *out;
  }

  bool read(byte_span out) {
    while (!out.empty()) {
      const auto count = tunnel.bench.get(stream.read_some(out));
      if (!count || *count == 0) return false;
      out = out.subspan(*count);
    }
    return true;
  }

  sim_tunnel& tunnel;
  sim::stream stream;
};

}  // namespace

TEST_CASE("authenticator: gets the service, the client and its proof, and may take its time") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  asking_tunnel tunnel(seed);
  auto& [request, answer] = tunnel.ask();
  CHECK(request.service == "web");
  CHECK(request.client.host == "client");
  CHECK(request.proof.matches(secret("correct horse")));
  CHECK_FALSE(request.proof.matches(secret("only for the settings")));
  CHECK_FALSE(request.proof.matches(secret()));
  tunnel.world.run_for(4s);
  CHECK(tunnel.established() == 0);
  CHECK_FALSE(request.ended.stop_requested());
  CHECK(tunnel.server->descriptors().handshakes <= 1);
  answer(true);
  REQUIRE(tunnel.run_until([&] { return tunnel.established() == 1; }, 100ms) == sim::outcome::done);
  CHECK(tunnel.asked->size() == 1);
  // Data channels belong to the session by the Auth that was accepted.
  CHECK(tunnel.serves_again(1s));
  CHECK(request.ended.stop_requested());
  CHECK(tunnel.server->events.count<server_side::handshake_failed>() == 0);
  tunnel.stop_all();
}

TEST_CASE("authenticator: a client that it refuses is refused as by its token") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  asking_tunnel tunnel(seed);
  auto& [request, answer] = tunnel.ask();
  SUBCASE("by the answer") { answer(false); }
  SUBCASE("by an answer that is destroyed") { answer = nullptr; }
  SUBCASE("by the first of two answers") {
    answer(false);
    answer(true);
  }
  const auto is_refused = [&] {
    return tunnel.client->events.count<client_side::control_channel_failed>() == 1;
  };
  REQUIRE(tunnel.run_until(is_refused, 1s) == sim::outcome::done);
  CHECK(tunnel.client->events.last_error<client_side::control_channel_failed>() ==
        errc::authentication_failed);
  CHECK(tunnel.server->events.count<server_side::authentication_failed>() == 1);
  // The client tries again, and may be right then.
  tunnel.ask(2).answer(true);
  REQUIRE(tunnel.run_until([&] { return tunnel.established() == 1; }, 100ms) == sim::outcome::done);
  tunnel.stop_all();
}

TEST_CASE("authenticator: one that throws, or answers at once") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  bool throws = false;
  bool is_accepted = false;
  SUBCASE("throws before it answers") { throws = true; }
  SUBCASE("refuses") {}
  SUBCASE("accepts") { is_accepted = true; }
  tunnel.hooks->authenticate = [&](const authentication_request&, authentication_answer answer) {
    if (throws) throw std::runtime_error("no list of tokens");
    answer(is_accepted);
  };
  tunnel.start_service("client", test::echo);
  tunnel.start_server();
  tunnel.start_client();
  tunnel.world.run_for(500ms);
  const auto& at_client = tunnel.client->events;
  CHECK(at_client.count<client_side::control_channel_established>() == (is_accepted ? 1 : 0));
  CHECK(at_client.count<client_side::control_channel_failed>() == (is_accepted ? 0 : 1));
  if (!is_accepted) {
    CHECK(at_client.last_error<client_side::control_channel_failed>() ==
          errc::authentication_failed);
  }
  tunnel.stop_all();
}

TEST_CASE("authenticator: without an answer the client's deadline applies") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  asking_tunnel tunnel(seed);
  auto& [request, answer] = tunnel.ask();
  const time_point began = tunnel.world.now();
  REQUIRE(tunnel.run_until([&] { return request.ended.stop_requested(); }) == sim::outcome::done);
  CHECK(tunnel.world.now() - began >= 4900ms);
  CHECK(tunnel.world.now() - began <= 5100ms);
  CHECK(tunnel.server->events.last_error<server_side::handshake_failed>() == errc::timed_out);
  // An answer that comes too late has no effect.
  answer(true);
  tunnel.world.run_for(100ms);
  CHECK(tunnel.established() == 0);
  tunnel.ask(2).answer(true);
  REQUIRE(tunnel.run_until([&] { return tunnel.established() == 1; }, 100ms) == sim::outcome::done);
  tunnel.stop_all();
}

TEST_CASE("authenticator: a client that goes, or a server that stops, needs no answer") {
  const auto seed = test::scenario_seed(5);
  REPLAYABLE(seed);
  asking_tunnel tunnel(seed);
  auto& [request, answer] = tunnel.ask();
  const time_point began = tunnel.world.now();
  SUBCASE("the client goes") { tunnel.client->stop_now(); }
  SUBCASE("the server stops") { tunnel.server->stop(); }
  REQUIRE(tunnel.run_until([&] { return request.ended.stop_requested(); }) == sim::outcome::done);
  CHECK(tunnel.world.now() - began < 100ms);
  tunnel.stop_all();
  answer(true);
  CHECK(tunnel.server->events.count<server_side::control_channel_established>() == 0);
}

TEST_CASE("authenticator: unanswered clients stay within max_handshakes") {
  const auto seed = test::scenario_seed(6);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  std::vector<question> asked;
  tunnel.hooks->authenticate = [&](authentication_request request, authentication_answer answer) {
    asked.push_back({std::move(request), std::move(answer)});
  };
  tunnel.server_settings.max_handshakes = 4;
  tunnel.server_settings.max_handshakes_per_address = 4;
  tunnel.start_server();
  tunnel.world.run_for(1s);
  std::vector<std::unique_ptr<raw_client>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<raw_client>(tunnel, "web", protocol::digest{}));
    tunnel.world.run_for(10ms);
    std::size_t open = 0;
    for (const auto& each : asked) open += each.request.ended.stop_requested() ? 0 : 1;
    CHECK(open <= 4);
  }
  CHECK(asked.size() == 20);
  // The newest is still served.
  asked.back().answer(true);
  CHECK(clients.back()->response() == protocol::ack::ok);
  clients.clear();
  tunnel.server->stop();
  REQUIRE(tunnel.run_until([&] { return tunnel.server->ended().has_value(); }) ==
          sim::outcome::done);
}

TEST_CASE("authenticator: is not asked for a service that the settings do not have") {
  const auto seed = test::scenario_seed(7);
  REPLAYABLE(seed);
  asking_tunnel tunnel(seed);
  raw_client client(tunnel, "ghost", protocol::digest{});
  CHECK(client.response() == protocol::ack::service_not_exist);
  CHECK(tunnel.asked->empty());
}

TEST_CASE("authenticator: an answer for a service that was removed meanwhile starts nothing") {
  const auto seed = test::scenario_seed(8);
  REPLAYABLE(seed);
  asking_tunnel tunnel(seed);
  auto& [request, answer] = tunnel.ask();
  auto next = tunnel.server_settings;
  next.services.clear();
  tunnel.server->update(next);
  tunnel.world.run_for(100ms);
  answer(true);
  tunnel.world.run_for(100ms);
  CHECK(tunnel.established() == 0);
  CHECK(tunnel.server->events.count<server_side::control_channel_established>() == 0);
  tunnel.stop_all();
}

TEST_CASE("authenticator: a client cannot choose the session key of another one") {
  const auto seed = test::scenario_seed(9);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.hooks->authenticate = [](const authentication_request&, authentication_answer answer) {
    answer(true);
  };
  tunnel.server_settings.services.push_back(tunnel.server_settings.services[0]);
  tunnel.server_settings.services[1].name = "ssh";
  tunnel.server_settings.services[1].bind_addr = {"0.0.0.0", 5203};
  for (auto& service : tunnel.server_settings.services) service.pool.size = 1;
  tunnel.start_server();
  protocol::digest key{};
  key.fill(7);
  raw_client first(tunnel, "web", key);
  REQUIRE(first.response() == protocol::ack::ok);
  std::array<std::uint8_t, bincode::control_command_size> command;
  REQUIRE(first.read(command));
  for (const char* service : {"ssh", "web"}) {
    CAPTURE(service);
    raw_client thief(tunnel, service, key);
    CHECK(thief.response() == std::nullopt);
  }
  CHECK(tunnel.server->events.count<server_side::control_channel_established>() == 1);
  CHECK(tunnel.server->events.count<server_side::control_channel_closed>() == 0);
  // The first one still gets its data channels.
  auto channel = tunnel.bench.must(tunnel.bench.dial(address{"server", 2333}));
  const protocol::hello hello{protocol::hello_kind::data, key};
  tunnel.bench.must(channel.write(bincode::encode_hello(hello)));
  const auto visit = tunnel.bench.begin(tunnel.visit("to web"));
  std::array<std::uint8_t, bincode::data_command_size> start;
  for (byte_span left = start; !left.empty();) {
    left = left.subspan(tunnel.bench.must(channel.read_some(left)));
  }
  CHECK(bincode::decode_data_command(start) == protocol::data_command::start_forward_tcp);
  CHECK(tunnel.bench.must(test::read_all(channel)) == "to web");
  channel.close();
  CHECK(tunnel.bench.get(visit) == "");
}
