// The program's decision which visitors a server accepts: `server_hooks::accepts_visitor`.

#include "support/sim_tunnel.hpp"

#include <stdexcept>
#include <string>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using test::sim_tunnel;

namespace {

/// Connects from `host`, and reads until the connection ends.
io::task<std::string> visit_from(sim_tunnel& tunnel, std::string_view host, std::string payload) {
  auto runtime = tunnel.world.make_runtime(host);
  const address at{"server", 5202};
  const io::socket_options options;
  auto stream = co_await runtime.connect(at, options, tunnel.world.now() + 10s, std::stop_token());
  if (!stream) co_return failure(stream.error());
  const auto sent = co_await stream->write(test::bytes(payload));
  if (sent) co_await stream->shutdown_send();
  co_return co_await test::read_all(*stream);
}

}  // namespace

TEST_CASE(
    "visitor filter: decides by service and address, before the client hears of the visitor") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  // Without idle data channels the client would be asked for one.
  tunnel.server_settings.services[0].pool.size = 0;
  std::vector<std::string> asked;
  const std::string barred = "intruder";
  tunnel.hooks->accepts_visitor = [&](std::string_view service, const address& visitor) {
    asked.push_back(std::string(service) + ' ' + visitor.host);
    return visitor.host != barred;
  };
  tunnel.start_all();
  const auto& at_server = tunnel.server->events;

  const auto refused = tunnel.bench.get(visit_from(tunnel, "intruder", "let me in"));
  CHECK(refused.error() == std::errc::connection_reset);
  CHECK(asked == std::vector<std::string>{"web " + barred});
  CHECK(at_server.count<server_side::visitor_refused>() == 1);
  CHECK(at_server.last_error<server_side::visitor_refused>() == errc::visitor_rejected);
  tunnel.world.run_for(20s);
  std::size_t requested = 0;
  tunnel.server->for_each_pool(
      [&](const auto&, const protocol::channel_counts& in) { requested += in.outstanding; });
  CHECK(requested == 0);
  CHECK(tunnel.client->events.count<client_side::forward_started>() == 0);
  CHECK(at_server.count<server_side::forward_started>() == 0);

  CHECK(tunnel.bench.must(tunnel.visit("hello")) == "hello");
  CHECK(asked.size() == 2);
  CHECK(at_server.count<server_side::visitor_refused>() == 1);
  tunnel.stop_all();
}

TEST_CASE("visitor filter: a filter that throws refuses") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  bool throws = true;
  tunnel.hooks->accepts_visitor = [&](std::string_view, const address&) -> bool {
    if (throws) throw std::runtime_error("no list of addresses");
    return true;
  };
  tunnel.start_all();
  CHECK(tunnel.bench.get(tunnel.visit("x")).error() == std::errc::connection_reset);
  CHECK(tunnel.server->events.last_error<server_side::visitor_refused>() == errc::visitor_rejected);
  throws = false;
  CHECK(tunnel.bench.must(tunnel.visit("x")) == "x");
  tunnel.stop_all();
}

TEST_CASE("visitor filter: may change or stop the server that asks it") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  bool stops = false;
  SUBCASE("remove the service") {}
  SUBCASE("stop the server") { stops = true; }
  tunnel.hooks->accepts_visitor = [&](std::string_view, const address&) {
    if (stops) {
      tunnel.server->stop_now();
    } else {
      auto next = tunnel.server_settings;
      next.services.clear();
      tunnel.server->update(next);
    }
    return true;
  };
  tunnel.start_all();
  tunnel.bench.get(tunnel.visit("x"));
  tunnel.world.run_for(1s);
  CHECK(tunnel.server->ended().has_value() == stops);
  tunnel.stop_all();
}

TEST_CASE("visitor filter: the program itself is not subject to it") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.hooks->accepts_visitor = [](std::string_view, const address&) { return false; };
  tunnel.start_all();
  std::optional<bool> is_connected;
  tunnel.server->connect("web", {}, [&](const auto& made) { is_connected = made.has_value(); });
  tunnel.world.run_for(1s);
  CHECK(is_connected == true);
  tunnel.stop_all();
}
