// The addresses of visitors, by the PROXY protocol: sent to the local service, and received from trusted
// proxies.

#include "support/sim_udp_tunnel.hpp"

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/ip_network.hpp>
#include <rathole/proxy_protocol/header.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using proxy_protocol::version;
using test::sim_tunnel;

namespace {

constexpr std::string_view proxy = "10.0.0.7";
const std::string v1_header = "PROXY TCP4 203.0.113.9 192.0.2.1 51000 443\r\n";

std::string header(version as, const std::optional<proxy_protocol::endpoints>& ends) {
  byte_buffer out;
  proxy_protocol::append_header(out, as, ends);
  const byte_view bytes = std::as_const(out).data();
  return {bytes.begin(), bytes.end()};
}

/// Connects from `host` to `port` of the server, sends `payload` and reads until the connection ends. Ends
/// its own direction if `ends`.
io::task<std::string> visit_from(sim_tunnel& tunnel, std::string_view host, std::string payload,
                                 bool ends = true, std::uint16_t port = 5202) {
  auto runtime = tunnel.world.make_runtime(host);
  const address at{"server", port};
  const io::socket_options options;
  auto stream = co_await runtime.connect(at, options, tunnel.world.now() + 10s, std::stop_token());
  if (!stream) co_return failure(stream.error());
  result<void> sent;
  if (!payload.empty()) sent = co_await stream->write(test::bytes(payload));
  if (sent && ends) co_await stream->shutdown_send();
  co_return co_await test::read_all(*stream);
}

/// A tunnel whose service is reached through a proxy.
struct proxied_tunnel : sim_tunnel {
  explicit proxied_tunnel(std::uint64_t seed) : sim_tunnel(seed) {
    config::server_service& web = server_settings.services[0];
    web.accept_proxy_protocol = true;
    web.trusted_proxies = {parse_ip_network("10.0.0.0/8").value()};
    hooks->accepts_visitor = [this](std::string_view, const address& from) {
      visitors.push_back(to_string(from));
      return true;
    };
  }

  [[nodiscard]] std::size_t refusals() const {
    return server->events.count<server_side::visitor_refused>();
  }
  [[nodiscard]] std::error_code last_refusal() const {
    return server->events.last_error<server_side::visitor_refused>();
  }

  std::vector<std::string> visitors;
};

}  // namespace

TEST_CASE("proxied visitors: a trusted proxy names the visitor, in either version") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  proxied_tunnel tunnel(seed);
  tunnel.server_settings.services[0].proxy_protocol = version::v1;
  tunnel.start_all();
  const proxy_protocol::endpoints ends{to_ip_endpoint({"203.0.113.9", 51000}).value(),
                                       to_ip_endpoint({"192.0.2.1", 443}).value()};
  for (const version as : {version::v1, version::v2}) {
    // What follows the header belongs to the visitor, and the service echoes what it gets.
    const auto got = tunnel.bench.must(visit_from(tunnel, proxy, header(as, ends) + "hello"));
    CHECK(got == v1_header + "hello");
  }
  CHECK(tunnel.visitors == std::vector<std::string>(2, "203.0.113.9:51000"));
  tunnel.stop_all();
}

TEST_CASE("proxied visitors: a health check of the proxy is a visitor with the proxy's address") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  proxied_tunnel tunnel(seed);
  tunnel.start_all();
  for (const version as : {version::v1, version::v2}) {
    const auto got = tunnel.bench.must(visit_from(tunnel, proxy, header(as, std::nullopt) + "x"));
    CHECK(got == "x");
  }
  REQUIRE(tunnel.visitors.size() == 2);
  CHECK(tunnel.visitors[0].starts_with(proxy));
  CHECK(tunnel.visitors[1].starts_with(proxy));
  // It may also connect and close.
  CHECK_FALSE(tunnel.bench.get(visit_from(tunnel, proxy, "")));
  CHECK(tunnel.refusals() == 0);
  tunnel.stop_all();
}

TEST_CASE("proxied visitors: whoever is no trusted proxy cannot name an address") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  proxied_tunnel tunnel(seed);
  tunnel.start_all();
  // The header is the visitor's traffic like any other.
  const auto got = tunnel.bench.must(visit_from(tunnel, "11.0.0.7", v1_header + "hello"));
  CHECK(got == v1_header + "hello");
  REQUIRE(tunnel.visitors.size() == 1);
  CHECK(tunnel.visitors[0].starts_with("11.0.0.7:"));
  tunnel.stop_all();
}

TEST_CASE("proxied visitors: without a header in time there is no visitor") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  proxied_tunnel tunnel(seed);
  tunnel.start_all();
  CHECK_FALSE(tunnel.bench.get(visit_from(tunnel, proxy, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")));
  CHECK(tunnel.last_refusal() == errc::malformed_proxy_header);
  CHECK_FALSE(tunnel.bench.get(visit_from(tunnel, proxy, v1_header.substr(0, 20))));
  CHECK(tunnel.last_refusal() == errc::truncated);
  const time_point begun = tunnel.world.now();
  CHECK_FALSE(tunnel.bench.get(visit_from(tunnel, proxy, v1_header.substr(0, 20), false)));
  CHECK(tunnel.last_refusal() == errc::timed_out);
  CHECK(tunnel.world.now() - begun < tunnel.server_settings.handshake_timeout + 1s);
  CHECK(tunnel.refusals() == 3);
  CHECK(tunnel.visitors.empty());
  CHECK(tunnel.bench.must(visit_from(tunnel, proxy, v1_header + "hello")) == "hello");
  tunnel.stop_all();
}

TEST_CASE("proxied visitors: the number of awaited headers is bounded") {
  const auto seed = test::scenario_seed(5);
  REPLAYABLE(seed);
  proxied_tunnel tunnel(seed);
  tunnel.server_settings.max_handshakes = 3;
  tunnel.start_all();
  std::vector<sim::stream> silent;
  for (int i = 0; i < 3; ++i) {
    auto runtime = tunnel.world.make_runtime(proxy);
    const io::socket_options options;
    silent.push_back(tunnel.bench.must(
        runtime.connect({"server", 5202}, options, tunnel.world.now() + 10s, std::stop_token())));
  }
  tunnel.world.run_for(100ms);
  CHECK_FALSE(tunnel.bench.get(visit_from(tunnel, proxy, v1_header + "hello")));
  CHECK(tunnel.last_refusal() == errc::limit_reached);
  CHECK(tunnel.bench.must(visit_from(tunnel, "visitor", "hello")) == "hello");
  for (sim::stream& each : silent) each.close();
  tunnel.world.run_for(100ms);
  CHECK(tunnel.bench.must(visit_from(tunnel, proxy, v1_header + "hello")) == "hello");
  tunnel.stop_all();
}

TEST_CASE("proxied visitors: those that have not sent a header go with the client") {
  const auto seed = test::scenario_seed(6);
  REPLAYABLE(seed);
  proxied_tunnel tunnel(seed);
  tunnel.start_all();
  auto runtime = tunnel.world.make_runtime(proxy);
  const io::socket_options options;
  auto waiting = tunnel.bench.must(
      runtime.connect({"server", 5202}, options, tunnel.world.now() + 10s, std::stop_token()));
  tunnel.world.run_for(100ms);
  tunnel.client->stop();
  tunnel.world.run_for(1s);
  CHECK(waiting.peer_has_closed());
  CHECK(tunnel.refusals() == 0);
  waiting.close();
  tunnel.stop_all();
}

TEST_CASE("proxied visitors: a reload decides for those who come afterwards") {
  const auto seed = test::scenario_seed(7);
  REPLAYABLE(seed);
  proxied_tunnel tunnel(seed);
  tunnel.start_all();
  config::server next = tunnel.server_settings;
  next.services[0].accept_proxy_protocol = false;
  next.services[0].proxy_protocol = version::v2;
  tunnel.server->update(next);
  tunnel.run_until([&] { return tunnel.server->updated().has_value(); });
  const auto got = tunnel.bench.must(visit_from(tunnel, proxy, v1_header + "hello"));
  // The server has no IP address in this world, so there are no two ends to name.
  CHECK(got == header(version::v2, std::nullopt) + v1_header + "hello");
  CHECK(tunnel.server->events.count<server_side::control_channel_established>() == 1);
  tunnel.stop_all();
}

TEST_CASE("proxied clients: a client behind a trusted proxy counts with its own address") {
  const auto seed = test::scenario_seed(8);
  REPLAYABLE(seed);
  sim_tunnel tunnel(seed);
  tunnel.server_settings.accept_proxy_protocol = true;
  tunnel.server_settings.trusted_proxies = {parse_ip_network("10.0.0.7").value()};
  tunnel.server_settings.max_handshakes_per_address = 1;
  tunnel.start_all();
  auto& events = tunnel.server->events;
  // Two peers of one address: the second one takes the place of the first one.
  std::vector<sim::stream> peers;
  const auto arrive = [&](const std::string& from) {
    auto runtime = tunnel.world.make_runtime(proxy);
    const io::socket_options options;
    peers.push_back(tunnel.bench.must(
        runtime.connect({"server", 2333}, options, tunnel.world.now() + 10s, std::stop_token())));
    const std::string said = "PROXY TCP4 " + from + " 192.0.2.1 1 2\r\n";
    tunnel.bench.must(peers.back().write(test::bytes(said)));
    tunnel.world.run_for(100ms);
  };
  arrive("203.0.113.1");
  arrive("203.0.113.2");
  CHECK(events.count<server_side::handshake_failed>() == 0);
  arrive("203.0.113.2");
  CHECK(events.count<server_side::handshake_failed>() == 1);
  CHECK(events.last_error<server_side::handshake_failed>() == errc::limit_reached);
  CHECK_FALSE(tunnel.bench.get(visit_from(tunnel, proxy, "garbage that is no header", true, 2333)));
  CHECK(events.last_error<server_side::handshake_failed>() == errc::malformed_proxy_header);
  CHECK(tunnel.bench.must(tunnel.visit("hello")) == "hello");
  for (sim::stream& each : peers) each.close();
  tunnel.stop_all();
}

TEST_CASE("proxied datagrams: the first one of a visitor has a header, or every one") {
  const auto seed = test::scenario_seed(9);
  REPLAYABLE(seed);
  test::udp_tunnel tunnel(seed);
  config::server_service& web = tunnel.server_settings.services[0];
  web.proxy_protocol = version::v2;
  bool is_every = false;
  SUBCASE("the first") {}
  SUBCASE("every") {
    is_every = true;
    web.proxy_protocol_datagrams = config::datagram_headers::every;
  }
  tunnel.service->answers = false;
  tunnel.start_both();
  test::udp_peer& visitor = tunnel.visitor();
  auto& got = tunnel.service->got;
  const auto sent = [&](const std::string& text) {
    got.clear();
    visitor.send(tunnel.entry(), text);
    REQUIRE(tunnel.run_until([&] { return !got.empty(); }, 5s) == sim::outcome::done);
    return got.front();
  };
  const std::string first = sent("one");
  CHECK(first.size() == 28 + 3);
  CHECK(first.substr(12, 4) == std::string("\x21\x12\x00\x0c", 4));
  CHECK(first.ends_with("one"));
  const std::string second = sent("two");
  CHECK(second == (is_every ? first.substr(0, 28) + "two" : "two"));

  // A new data channel means a new local socket, so the service must be told again.
  tunnel.client->stop();
  tunnel.world.run_for(2s);
  tunnel.start_client();
  tunnel.world.run_for(5s);
  CHECK(sent("three") == first.substr(0, 28) + "three");
  CHECK(sent("four") == (is_every ? first.substr(0, 28) + "four" : "four"));
  tunnel.finish();
}
