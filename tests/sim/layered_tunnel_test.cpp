// Tunnels whose transport takes several round trips to connect, on slow links and with failing
// handshakes.

#include "support/sim_tunnel.hpp"

#include <rathole/client/client.hpp>
#include <rathole/protocol/authenticate.hpp>
#include <rathole/protocol/bincode.hpp>
#include <rathole/server/server.hpp>
#include <rathole/transport/layered.hpp>
#include <rathole/transport/tcp.hpp>

using namespace rathole;
using namespace std::chrono_literals;
using test::bytes, test::sim_tunnel;

namespace {

/// The state that all layers of a tunnel share.
struct layer_rules {
  /// The number of round trips of a handshake.
  int rounds = 3;
  /// Whether clients reject the server's responses, like an expired certificate.
  bool refuses = false;
  /// The number of handshakes that clients began.
  int dials = 0;
};

/// A layer that changes no bytes: its handshake is a number of request and response bytes.
class rounds_layer {
 public:
  rounds_layer(const layer_rules& rules, bool asks)
      : rules_(&rules), asks_(asks), left_(rules.rounds) {}

  result<void> start(byte_buffer& wire) {
    if (asks_) wire.append(bytes("?"));
    return {};
  }
  result<void> receive(byte_view in, byte_buffer& app, byte_buffer& wire) {
    while (!in.empty() && state_ == phase::handshaking) {
      if (asks_ && rules_->refuses) return failure(errc::certificate_expired);
      in = in.subspan(1);
      if (--left_ == 0) state_ = phase::open;
      if (!asks_) wire.append(bytes("!"));
      if (asks_ && left_ > 0) wire.append(bytes("?"));
    }
    app.append(in);
    return {};
  }
  result<void> receive_end() {
    state_ = state_ == phase::write_closed ? phase::closed : phase::read_closed;
    return {};
  }
  result<void> send(byte_view in, byte_buffer& wire) {
    wire.append(in);
    return {};
  }
  result<void> close(byte_buffer&) {
    state_ = state_ == phase::read_closed ? phase::closed : phase::write_closed;
    return {};
  }
  [[nodiscard]] phase state() const { return state_; }

 private:
  const layer_rules* rules_;
  bool asks_;
  int left_;
  phase state_ = phase::handshaking;
};

struct rounds_factory {
  using layer_type = rounds_layer;
  explicit rounds_factory(layer_rules& all) : rules(&all) {}
  [[nodiscard]] result<rounds_layer> client_layer() const {
    ++rules->dials;
    return rounds_layer(*rules, true);
  }
  [[nodiscard]] result<rounds_layer> server_layer() const { return rounds_layer(*rules, false); }
  [[nodiscard]] bool serves(config::transport_kind kind) const {
    return kind == config::transport_kind::tls;
  }
  layer_rules* rules;
};

using layered_tcp = transport::layered<transport::tcp<sim::runtime>, rounds_factory>;

/// The tunnel of `sim_tunnel` with a layered transport.
struct layered_tunnel : sim_tunnel {
  explicit layered_tunnel(std::uint64_t seed) : sim_tunnel(seed) {
    server_settings.transport.kind = config::transport_kind::tls;
    client_settings.transport.kind = config::transport_kind::tls;
  }

  void start() {
    start_service("client", test::echo);
    start_server();
    client_.emplace(carry("client"), client_settings, at_client);
    client_->async_run([this](std::error_code) { ++ended_; });
  }
  void start_server() {
    server_.emplace(carry("server"), server_settings, at_server);
    server_->async_run([this](std::error_code) { ++ended_; });
  }
  test::pending<std::shared_ptr<io::shared_stream>> connect() {
    auto out = std::make_shared<std::optional<server_side::connected_stream>>();
    server_->connect("web", {},
                     [out](server_side::connected_stream made) { out->emplace(std::move(made)); });
    return out;
  }
  void slow_down(duration one_way) {
    sim::link_conditions slow;
    slow.min_delay = slow.max_delay = one_way;
    world.net().set_conditions(slow);
  }
  void finish() {
    if (client_) client_->stop_now();
    server_->stop_now();
    const int all = client_ ? 2 : 1;
    REQUIRE(run_until([&] { return ended_ == all; }) == sim::outcome::done);
    world.run_for(10s);
    CHECK(world.net().in_use().streams == 0);
    CHECK(world.net().in_use().timers == 0);
  }

  layer_rules rules;
  sim::recorder at_server{world, "server"};
  sim::recorder at_client{world, "client"};

 private:
  layered_tcp carry(const char* host) {
    return layered_tcp(transport::tcp<sim::runtime>(world.make_runtime(host), {}),
                       rounds_factory(rules));
  }

  std::optional<server_side::basic_server<layered_tcp, sim::recorder>> server_;
  std::optional<client_side::basic_client<layered_tcp, sim::recorder>> client_;
  int ended_ = 0;
};

}  // namespace

TEST_CASE("slow link: a series of round trips, each within its time, connects") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  layered_tunnel tunnel(seed);
  // A satellite or GPRS: 2.4 s there and back, five times for a control channel.
  tunnel.slow_down(1200ms);
  tunnel.start();
  tunnel.world.run_for(40s);
  CHECK(tunnel.at_client.count<client_side::control_channel_established>() == 1);
  CHECK(tunnel.at_client.count<client_side::control_channel_failed>() == 0);
  CHECK(tunnel.at_server.count<server_side::handshake_failed>() == 0);
  CHECK(tunnel.bench.must(tunnel.visit("hello")) == "hello");
  // Channels take longer than the server waits before it requests another one: it closes the
  // surplus.
  CHECK(tunnel.at_client.last_error<client_side::data_channel_failed>() == errc::end_of_stream);
  tunnel.finish();
}

TEST_CASE("slow link: a peer that completes no step, or too many, is closed") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  layered_tunnel tunnel(seed);
  tunnel.rules.rounds = 10;
  tunnel.start_server();
  const auto begin = tunnel.world.now();
  auto peer = tunnel.bench.must(tunnel.bench.dial(address{"server", 2333}));
  duration expected = 5s;
  SUBCASE("silent from the start") {}
  SUBCASE("silent after some steps") {
    for (int i = 0; i < 3; ++i) {
      tunnel.world.run_for(2s);
      tunnel.bench.must(peer.write(bytes("?")));
    }
    expected = 11s;
  }
  SUBCASE("slow at each step") {
    for (int i = 0; i < 4; ++i) {
      tunnel.world.run_for(4900ms);
      tunnel.bench.must(peer.write(bytes("?")));
    }
    expected = 20s;
  }
  const auto is_closed = [&] { return tunnel.world.net().in_use().streams == 1; };
  REQUIRE(tunnel.run_until(is_closed) == sim::outcome::done);
  CHECK(tunnel.world.now() - begin >= expected);
  CHECK(tunnel.world.now() - begin < expected + 100ms);
  tunnel.world.run_for(1s);
  CHECK(tunnel.at_server.last_error<server_side::handshake_failed>() == errc::timed_out);
  peer.close();
  tunnel.finish();
}

TEST_CASE("slow link: a client gives up a server that completes no step") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  layered_tunnel tunnel(seed);
  tunnel.start();
  tunnel.world.run_for(1s);
  REQUIRE(tunnel.at_client.count<client_side::control_channel_established>() == 1);
  tunnel.world.net().partition("client", "server");
  tunnel.world.run_for(60s);
  CHECK(tunnel.at_client.count<client_side::control_channel_failed>() >= 2);
  tunnel.world.net().heal("client", "server");
  CHECK(tunnel.serves_again(15s));
  tunnel.finish();
}

TEST_CASE("storm: dials that fail persistently are spaced, whatever caused them") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  layered_tunnel tunnel(seed);
  tunnel.start();
  tunnel.world.run_for(1s);
  CHECK(tunnel.bench.must(tunnel.visit("hello")) == "hello");
  tunnel.world.run_for(1s);
  tunnel.rules.refuses = true;
  // They use the idle channels up, and then wait until they are refused.
  for (int i = 0; i < 8; ++i) {
    CHECK(tunnel.bench.must(tunnel.visit("still served")) == "still served");
  }
  for (int i = 0; i < 8; ++i) tunnel.bench.begin(tunnel.visit("not any more"));
  for (int minute = 0; minute < 10; ++minute) {
    const int before = tunnel.rules.dials;
    tunnel.world.run_for(1min);
    CAPTURE(minute);
    CHECK(tunnel.rules.dials - before < 90);
  }
  CHECK(tunnel.at_client.last_error<client_side::data_channel_failed>() ==
        errc::certificate_expired);
  CHECK(tunnel.at_client.count<client_side::control_channel_failed>() == 0);
  tunnel.rules.refuses = false;
  CHECK(tunnel.serves_again(3s));
  tunnel.finish();
}

TEST_CASE("connect: the program gets the stream of a layered transport itself") {
  const auto seed = test::scenario_seed(5);
  REPLAYABLE(seed);
  layered_tunnel tunnel(seed);
  tunnel.start();
  tunnel.world.run_for(1s);
  const auto stream = tunnel.bench.get(tunnel.connect());
  REQUIRE(stream.has_value());
  for (const std::string& word : {std::string("hello"), test::pattern(100'000)}) {
    const auto sent = tunnel.bench.begin((*stream)->write(bytes(word)));
    std::string echoed;
    while (echoed.size() < word.size()) {
      std::uint8_t buffer[4096];
      const auto count = tunnel.bench.must((*stream)->read_some(buffer));
      REQUIRE(count > 0);
      echoed.append(reinterpret_cast<const char*>(buffer), count);
    }
    CHECK(echoed == word);
    CHECK(tunnel.bench.get(sent).has_value());
  }
  tunnel.bench.must((*stream)->shutdown_send());
  std::uint8_t buffer[1];
  CHECK(tunnel.bench.must((*stream)->read_some(buffer)) == 0);
  (*stream)->close();
  tunnel.world.run_for(1s);
  CHECK(tunnel.at_server.count<server_side::forward_ended>() == 1);
  CHECK_FALSE(tunnel.at_server.last_error<server_side::forward_ended>());
  tunnel.finish();
}
