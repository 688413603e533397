// What a diagnosis finds when each of its steps fails in turn, against a server of the library.

#include "support/sim_tunnel.hpp"

#include <rathole/embed/diagnose/client_check.hpp>
#include <rathole/embed/diagnose/run_steps.hpp>
#include <rathole/embed/diagnose/server_check.hpp>

#include <algorithm>
#include <type_traits>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using test::sim_tunnel;

namespace {

/// A diagnosis under way, and what it reported so far.
template <class Settings>
struct running {
  using check_type =
      std::conditional_t<std::is_same_v<Settings, config::client>,
                         embed::client_check<sim::runtime>, embed::server_check<sim::runtime>>;

  running(sim_tunnel& tunnel, std::string_view host, const Settings& settings,
          diagnose_options options = {}) {
    options.on_step = [this](const diagnosis_step& each) { reported.steps.push_back(each); };
    check = std::make_shared<check_type>(tunnel.world.make_runtime(host), settings,
                                         std::move(options), stop.get_token());
    ended = tunnel.bench.begin(embed::run_steps(check));
  }

  std::stop_source stop;
  diagnosis reported;
  std::shared_ptr<check_type> check;
  test::pending<void> ended;
};

template <class Settings>
diagnosis diagnose(sim_tunnel& tunnel, std::string_view host, const Settings& settings,
                   diagnose_options options = {}) {
  running<Settings> under_way(tunnel, host, settings, std::move(options));
  REQUIRE(tunnel.bench.get(under_way.ended).has_value());
  const diagnosis found = under_way.check->steps().take();
  CHECK(found == under_way.reported);
  return found;
}

diagnosis of_client(sim_tunnel& tunnel, bool authenticate = false) {
  diagnose_options options;
  options.authenticate = authenticate;
  return diagnose(tunnel, "client", tunnel.client_settings, options);
}

const diagnosis_step& step(const diagnosis& all, std::string_view name) {
  const auto found = std::ranges::find(all.steps, name, &diagnosis_step::name);
  REQUIRE(found != all.steps.end());
  return *found;
}

/// Checks that the step `name` failed, that those in `skipped` were not done because of it, and that
/// all others worked.
void check_failed(const diagnosis& all, std::string_view name, const std::error_code& error,
                  const std::vector<std::string_view>& skipped) {
  INFO(to_string(all));
  CHECK_FALSE(all.passed());
  CHECK(step(all, name).error == error);
  CHECK(step(all, name).text != "");
  CHECK(step(all, name).remedy != "");
  for (const diagnosis_step& each : all.steps) {
    CAPTURE(each.name);
    const bool is_skipped = std::ranges::find(skipped, each.name) != skipped.end();
    CHECK(each.result == (each.name == name ? step_result::failed
                          : is_skipped      ? step_result::skipped
                                            : step_result::ok));
    if (is_skipped) CHECK(each.text == "not done, because `" + std::string(name) + "` failed");
  }
}

std::vector<std::string> names(const diagnosis& all) {
  std::vector<std::string> out;
  for (const diagnosis_step& each : all.steps) out.push_back(each.name);
  return out;
}

io::awaitable<void> stay_silent(sim::stream stream) {
  std::uint8_t buffer[64];
  for (;;) {
    const auto count = co_await stream.read_some(buffer);
    if (!count || *count == 0) co_return;
  }
}

io::awaitable<void> answer_http(sim::stream stream) {
  std::uint8_t buffer[64];
  co_await stream.read_some(buffer);
  co_await stream.write(test::bytes("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
  co_await stream.shutdown_send();
  co_await stream.read_some(buffer);
}

/// A tunnel whose server runs, with a service on the client's host.
struct served : sim_tunnel {
  explicit served(std::uint64_t seed = 1) : sim_tunnel(seed) {
    start_service("client", test::echo);
    start_server();
    world.run_for(1s);
  }
};

using error_list = std::vector<std::string_view>;
const error_list after_connect = {"hello", "service"};
const error_list after_resolve = {"connect", "hello", "service"};

}  // namespace

TEST_CASE("diagnosis: every step works, and a client that serves is not displaced") {
  for (const std::uint64_t seed : test::scenario_seeds(5)) {
    CAPTURE(seed);
    sim_tunnel tunnel(seed);
    tunnel.start_all();
    const diagnosis found = of_client(tunnel);
    INFO(to_string(found));
    CHECK(found.passed());
    CHECK(names(found) ==
          std::vector<std::string>{"settings", "resolve", "connect", "hello", "service", "local"});
    CHECK(step(found, "resolve").text.starts_with("10.0.0."));
    CHECK(step(found, "connect").subject == "server:2333");
    CHECK(step(found, "connect").took == 2ms);
    CHECK(step(found, "local").subject == "web at 127.0.0.1:8080");
    tunnel.world.run_for(1min);
    CHECK(tunnel.server->events.count<server_side::control_channel_replaced>() == 0);
    CHECK(tunnel.client->events.count<client_side::control_channel_failed>() == 0);
    CHECK(tunnel.bench.get(tunnel.visit("hello")) == "hello");
    tunnel.stop_all();
  }
}

TEST_CASE("diagnosis: with authentication, the client that serves is displaced and returns") {
  sim_tunnel tunnel(1);
  tunnel.start_all();
  const diagnosis found = of_client(tunnel, true);
  INFO(to_string(found));
  CHECK(found.passed());
  CHECK(step(found, "authenticate").text.contains("has to connect again"));
  CHECK(tunnel.server->events.count<server_side::control_channel_replaced>() == 1);
  CHECK(tunnel.serves_again(1min));
  tunnel.stop_all();
}

TEST_CASE("diagnosis: the token is right although the service takes no more clients") {
  for (const auto policy : {config::conflict_policy::reject, config::conflict_policy::balance}) {
    CAPTURE(static_cast<int>(policy));
    sim_tunnel tunnel(1);
    tunnel.server_settings.services.front().on_conflict = policy;
    tunnel.start_all();
    const diagnosis found = of_client(tunnel, true);
    INFO(to_string(found));
    CHECK(found.passed());
    const std::string& text = step(found, "authenticate").text;
    CHECK(text.starts_with("the server accepts the token; "));
    CHECK(text.contains("`server.services.web`"));
    const bool is_refused = policy == config::conflict_policy::reject;
    CHECK(text.contains("other clients serve it now") == is_refused);
    CHECK(tunnel.server->events.count<server_side::control_channel_replaced>() == 0);
    CHECK(tunnel.client->events.count<client_side::control_channel_failed>() == 0);
    tunnel.client_settings.services.front().token = secret("a wrong token");
    CHECK(step(of_client(tunnel, true), "authenticate").error == errc::authentication_failed);
    tunnel.stop_all();
  }
}

TEST_CASE("diagnosis: the name of the server is unknown, or its lookup gets no answer") {
  served tunnel;
  tunnel.client_settings.remote_addr = {"nowhere", 2333};
  check_failed(of_client(tunnel), "resolve", errc::host_not_found, after_resolve);

  tunnel.client_settings.remote_addr = {"server", 2333};
  tunnel.client_settings.connect_timeout = 3s;
  tunnel.world.net().silence_name("server", tunnel.world.now() + 1h);
  const diagnosis found = of_client(tunnel);
  check_failed(found, "resolve", errc::timed_out, after_resolve);
  CHECK(step(found, "resolve").took == 3s);
}

TEST_CASE("diagnosis: the server refuses connections, or is not reached") {
  served tunnel;
  tunnel.client_settings.connect_timeout = 3s;
  tunnel.world.net().refuse_connections("server", true);
  check_failed(of_client(tunnel), "connect", sim::system_error(std::errc::connection_refused),
               after_connect);
  tunnel.world.net().refuse_connections("server", false);
  tunnel.world.net().partition("client", "server");
  const diagnosis found = of_client(tunnel);
  check_failed(found, "connect", errc::timed_out, after_connect);
  CHECK(step(found, "connect").took == 3s);
}

TEST_CASE("diagnosis: what listens is silent, or speaks another protocol") {
  served tunnel;
  tunnel.client_settings.handshake_timeout = 4s;
  tunnel.client_settings.remote_addr = {"server", 8080};
  tunnel.start_service("server", stay_silent);
  const diagnosis silent = of_client(tunnel);
  check_failed(silent, "hello", errc::timed_out, {"service"});
  CHECK(step(silent, "hello").took == 4s);

  served other;
  other.client_settings.remote_addr = {"server", 8080};
  other.start_service("server", answer_http);
  check_failed(of_client(other), "hello", protocol::wrong_protocol(protocol::wire_protocol::http),
               {"service"});
}

TEST_CASE("diagnosis: the server lacks a service, which shows without a token") {
  served tunnel;
  auto& services = tunnel.client_settings.services;
  services.push_back(services.front());
  services.front().name = "absent";
  const diagnosis found = of_client(tunnel);
  INFO(to_string(found));
  REQUIRE(found.steps.size() == 8);
  CHECK(step(found, "service").subject == "absent");
  CHECK(step(found, "service").error == errc::service_not_exist);
  CHECK(step(found, "service").remedy.contains("[server.services.absent]"));
  CHECK(found.steps[6].name == "service");
  CHECK(found.steps[6].subject == "web");
  CHECK(found.steps[6].result == step_result::ok);
  const diagnosis tried = of_client(tunnel, true);
  INFO(to_string(tried));
  REQUIRE(tried.steps.size() == 8);
  CHECK(step(tried, "authenticate").error == errc::service_not_exist);
  CHECK(tried.steps[6].result == step_result::ok);
}

TEST_CASE("diagnosis: only authentication shows a wrong token, and no text has it") {
  served tunnel;
  tunnel.client_settings.services.front().token = secret("a wrong token");
  CHECK(of_client(tunnel).passed());
  const diagnosis found = of_client(tunnel, true);
  check_failed(found, "authenticate", errc::authentication_failed, {});
  CHECK(step(found, "authenticate").remedy.contains("`token` of `client.services.web`"));
  CHECK_FALSE(to_string(found).contains("a wrong token"));
  CHECK(tunnel.server->events.count<server_side::control_channel_established>() == 0);
}

TEST_CASE("diagnosis: the local service is absent; of a UDP service only the route is seen") {
  sim_tunnel tunnel(1);
  tunnel.start_server();
  tunnel.world.run_for(1s);
  const diagnosis found = of_client(tunnel);
  check_failed(found, "local", sim::system_error(std::errc::connection_refused), {});
  CHECK(step(found, "local").remedy.contains("client.services.web.local_addr"));

  auto& service = tunnel.client_settings.services.front();
  service.kind = config::service_kind::udp;
  CHECK(of_client(tunnel).passed());
  service.local_addr = {"nowhere", 8080};
  check_failed(of_client(tunnel), "local", errc::host_not_found, {});
}

TEST_CASE("diagnosis: where the client multiplexes, the server is asked whether it does") {
  served tunnel;
  tunnel.client_settings.transport.multiplex = true;
  const diagnosis found = of_client(tunnel);
  INFO(to_string(found));
  CHECK(found.passed());
  CHECK(found.steps.back().name == "multiplexing");
  CHECK(found.steps.back().subject == "server:2333");
  CHECK(found.steps.back().text == "the server multiplexes, up to 1024 streams");
  tunnel.world.run_for(1min);
  CHECK(tunnel.server->descriptors().multiplexed == 0);
}

TEST_CASE("diagnosis: a proxy that refuses, or that is silent") {
  served tunnel;
  tunnel.client_settings.connect_timeout = 3s;
  config::proxy_url& proxy = tunnel.client_settings.transport.tcp.proxy.emplace();
  proxy.host = "server";
  proxy.port = 8080;
  proxy.credentials = config::proxy_credentials{"us3r", secret("s3cret")};
  const diagnosis refused = of_client(tunnel);
  check_failed(refused, "connect",
               proxy::unreachable(sim::system_error(std::errc::connection_refused)),
               {"proxy", "hello", "service"});
  CHECK_FALSE(to_string(refused).contains("s3cret"));

  tunnel.start_service("server", stay_silent);
  const diagnosis silent = of_client(tunnel);
  check_failed(silent, "proxy", proxy::unreachable(errc::timed_out), after_connect);
  CHECK(step(silent, "proxy").took == 3s);
  CHECK(step(silent, "proxy").subject == "server:2333");
}

TEST_CASE("diagnosis: settings that cannot be used are named, and skip what needs them") {
  served tunnel;
  tunnel.client_settings.transport.kind = config::transport_kind::noise;
  const diagnosis found = of_client(tunnel);
  INFO(to_string(found));
  CHECK(step(found, "settings").result == step_result::failed);
  CHECK(step(found, "settings").text.contains("client.transport"));
  CHECK(step(found, "connect").result == step_result::ok);
  CHECK(step(found, "handshake").text == "not done, because `settings` failed");
  CHECK(step(found, "local").result == step_result::ok);

  tunnel.client_settings.transport.kind = config::transport_kind::tcp;
  tunnel.client_settings.services.push_back(tunnel.client_settings.services.front());
  const diagnosis contradictory = of_client(tunnel);
  CHECK(names(contradictory) == std::vector<std::string>{"settings"});
  CHECK(step(contradictory, "settings").error == errc::invalid_settings);
  CHECK(step(contradictory, "settings").text.contains("two services have this name"));
}

TEST_CASE("diagnosis: it can be stopped at every moment, and leaves nothing behind") {
  for (const bool authenticate : {false, true}) {
    std::uint64_t moments = 0;
    for (bool has_ended = false; !has_ended; ++moments) {
      CAPTURE(moments);
      served tunnel;
      diagnose_options options;
      options.authenticate = authenticate;
      const std::uint64_t begun = tunnel.world.steps();
      running<config::client> under_way(tunnel, "client", tunnel.client_settings, options);
      tunnel.run_until(
          [&] { return under_way.ended->has_value() || tunnel.world.steps() >= begun + moments; });
      has_ended = under_way.ended->has_value();
      under_way.stop.request_stop();
      const time_point stopped = tunnel.world.now();
      const auto ended = tunnel.bench.get(under_way.ended);
      if (!has_ended) CHECK(ended.error() == errc::stopped);
      CHECK(tunnel.world.now() - stopped < 1s);
      under_way.check.reset();
      tunnel.server->stop_now();
      tunnel.world.run_for(1min);
      CHECK(tunnel.world.net().in_use().streams == 0);
      CHECK(tunnel.world.net().in_use().timers == 0);
    }
    CHECK(moments > 15);
  }
}

TEST_CASE("diagnosis: a server's addresses are free, or in use, or no addresses of the machine") {
  sim_tunnel tunnel(1);
  config::server settings = tunnel.server_settings;
  const diagnosis idle = diagnose(tunnel, "server", settings);
  INFO(to_string(idle));
  CHECK(idle.passed());
  CHECK(names(idle) == std::vector<std::string>{"settings", "listen", "listen"});
  CHECK(idle.steps[1].subject == "clients at 0.0.0.0:2333");
  CHECK(idle.steps[2].subject == "visitors of web at 0.0.0.0:5202");
  CHECK(tunnel.world.net().in_use().acceptors == 0);

  tunnel.start_server();
  tunnel.world.run_for(1s);
  const diagnosis running = diagnose(tunnel, "server", settings);
  CHECK(running.steps[1].error == sim::system_error(std::errc::address_in_use));
  CHECK(running.steps[1].remedy.contains("another copy of this one"));
  CHECK(running.steps[2].result == step_result::ok);
  CHECK(tunnel.world.net().in_use().acceptors == 1);

  settings.bind_addr = {"0.0.0.0", 2334};
  settings.services.push_back(settings.services.front());
  settings.services[1].name = "again";
  const diagnosis twice = diagnose(tunnel, "server", settings);
  CHECK(twice.steps[2].result == step_result::ok);
  CHECK(twice.steps[3].subject == "visitors of again at 0.0.0.0:5202");
  CHECK(twice.steps[3].error == sim::system_error(std::errc::address_in_use));

  settings.services[1].kind = config::service_kind::udp;
  CHECK(diagnose(tunnel, "server", settings).passed());
  settings.services[1].bind_addr = {"nowhere", 1};
  CHECK(diagnose(tunnel, "server", settings).steps[3].error == errc::host_not_found);
}
