#include <rathole/admin/event_log.hpp>
#include <rathole/admin/metrics.hpp>
#include <rathole/admin/snapshot.hpp>
#include <rathole/admin/statistics.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/io/live_connection.hpp>
#include <rathole/io/relay/running.hpp>
#include <rathole/io/relay/status.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace rathole::admin {
namespace {

using namespace std::chrono_literals;
using texts = std::vector<std::string>;

std::chrono::system_clock::time_point fixed_time() {
  return std::chrono::sys_days(std::chrono::year(2024) / 1 / 31);
}

const address client_address{"198.51.100.7", 40312};
const address visitor{"203.0.113.9", 51000};

/// Statistics of a program with the services `web` and `dns`.
struct observed {
  event_log events;
  statistics of{events, &fixed_time};
  config::server settings;

  observed() { use({"dns", "web"}); }

  void use(const texts& names) {
    std::vector<service_description> all;
    for (const std::string& each : names) {
      all.push_back({.name = each,
                     .kind = each == "dns" ? config::service_kind::udp : config::service_kind::tcp,
                     .file = "server.toml",
                     .addresses = {"0.0.0.0:80"}});
    }
    of.set_services(all);
  }

  service_statistics service(const std::string& name) const {
    for (auto& each : of.services()) {
      if (each.name == name) return each;
    }
    return {};
  }

  texts names() {
    texts out;
    for (const auto& each : events.read(0, event_log::capacity).events) out.emplace_back(each.name);
    return out;
  }

  void establish() {
    of.on(server_side::control_channel_established{"web", client_address});
    of.on(server_side::service_listening{"web", address{"0.0.0.0", 80}});
  }
  void close(std::error_code why = {}) {
    of.on(server_side::control_channel_closed{"web", client_address, why, 1s, settings});
  }
};

TEST_CASE("statistics: a service is up while it has a client and its address is bound") {
  observed o;
  CHECK_FALSE(o.service("web").is_up());
  CHECK(o.service("web").reason == "not connected yet");
  o.establish();
  CHECK(o.service("web").is_up());
  CHECK(o.service("web").reason.empty());
  CHECK(o.service("web").peer() == "198.51.100.7:40312");
  CHECK(o.service("web").listening == texts{"0.0.0.0:80"});

  o.of.on(server_side::service_bind_failed{"web", address{"0.0.0.0", 80},
                                           std::make_error_code(std::errc::address_in_use), 1s});
  CHECK_FALSE(o.service("web").is_up());
  CHECK(o.service("web").reason.starts_with("cannot listen at 0.0.0.0:80: "));
  CHECK(o.of.unbound().starts_with("web: cannot listen at "));
  o.of.on(server_side::service_listening{"web", address{"0.0.0.0", 80}});
  CHECK(o.service("web").is_up());
  CHECK(o.of.unbound().empty());

  // A new client comes before the channel of the old one has ended.
  o.of.on(server_side::control_channel_established{"web", client_address});
  o.close(errc::stopped);
  CHECK(o.service("web").is_up());
  o.close(errc::heartbeat_timed_out);
  CHECK_FALSE(o.service("web").is_up());
  CHECK(o.service("web").reason == "Heartbeat timed out");
  CHECK(o.service("web").peer().empty());
  CHECK(o.service("web").listening.empty());
  CHECK(o.names() == texts{"service_up", "service_listening", "service_down", "service_bind_failed",
                           "service_up", "service_listening", "service_down"});
}

TEST_CASE("statistics: a service whose address cannot be bound goes down once") {
  observed o;
  o.establish();
  o.of.on(server_side::service_bind_failed{"web", address{"0.0.0.0", 80},
                                           std::make_error_code(std::errc::address_in_use), 1s});
  o.close(errc::heartbeat_timed_out);
  CHECK(o.service("web").reason == "Heartbeat timed out");
  CHECK(o.service("web").unbound.empty());
  CHECK(o.names() ==
        texts{"service_up", "service_listening", "service_down", "service_bind_failed"});
}

TEST_CASE("statistics: a service with several addresses is up while it listens at one") {
  observed o;
  o.of.on(server_side::control_channel_established{"web", client_address});
  const auto in_use = std::make_error_code(std::errc::address_in_use);
  o.of.on(server_side::service_bind_failed{"web", address{"10.0.0.1", 80}, in_use, 1s});
  CHECK_FALSE(o.service("web").is_up());
  o.of.on(server_side::service_listening{"web", address{"0.0.0.0", 80}});
  CHECK(o.service("web").is_up());
  CHECK(o.of.unbound() == "web: cannot listen at 10.0.0.1:80");
  // Addresses of which the settings have none any more are forgotten.
  o.of.set_services({{.name = "web", .addresses = {"0.0.0.0:80"}}});
  CHECK(o.of.unbound().empty());
  CHECK(o.service("web").listening == texts{"0.0.0.0:80"});
  o.of.on(server_side::service_listening{"web", address{"0.0.0.0", 81}});
  o.of.set_services({{.name = "web", .addresses = {"0.0.0.0:81"}}});
  CHECK(o.service("web").listening == texts{"0.0.0.0:81"});
  o.of.on(server_side::service_listening{"web", address{"127.0.0.1", 40000}});
  o.of.set_services({{.name = "web", .addresses = {"localhost:0"}}});
  CHECK(o.service("web").listening == texts{"0.0.0.0:81", "127.0.0.1:40000"});
}

TEST_CASE("statistics: connections are counted, with what they carry while they run") {
  observed o;
  o.establish();
  const auto live = std::make_shared<io::live_connection>();
  io::relay_status running;
  struct : io::relay_stopper {
    void request() override { ++requests; }
    int requests = 0;
  } stop;
  const io::running_relay relay{running, stop};
  live->began(relay);
  o.of.on(server_side::forward_started{"web", visitor, 5, 20ms, live});
  running.forth += 10;
  running.back += 20;
  CHECK(o.service("web").active == 1);
  CHECK(o.service("web").received == 10);
  CHECK(o.service("web").sent == 20);
  auto list = o.of.connections(std::nullopt, 10);
  REQUIRE(list.connections.size() == 1);
  CHECK(list.connections[0].visitor == "203.0.113.9:51000");
  CHECK(list.connections[0].carried.sent == 20);
  CHECK(o.of.connections("dns", 10).total == 0);
  CHECK(o.of.connections("web", 0).connections.empty());
  CHECK(o.of.connections("web", 0).total == 1);

  CHECK(o.of.cut(5));
  CHECK(live->is_aborted());
  CHECK(stop.requests == 1);
  CHECK_FALSE(o.of.cut(6));

  live->ended();
  o.of.on(server_side::forward_ended{"web", visitor, 5, 10, 30, {}, false, 2s});
  CHECK(o.service("web").active == 0);
  CHECK(o.service("web").total == 1);
  CHECK(o.service("web").sent == 30);
  CHECK(o.of.connections(std::nullopt, 10).total == 0);
  CHECK_FALSE(o.of.cut(5));
}

TEST_CASE("statistics: a service whose client has gone has no data channels") {
  observed o;
  o.establish();
  o.of.set_pool("web", 8, 2);
  o.of.set_clients("web", {{"a:1", 3, true}});
  CHECK(o.service("web").idle == 8);
  CHECK(o.service("web").clients.size() == 1);
  o.of.clear_pools();
  CHECK(o.service("web").clients.empty());
  CHECK(o.service("web").idle == 0);
  CHECK(o.service("web").waiting == 0);
}

TEST_CASE("statistics: a service with several clients is up until the last has gone") {
  observed o;
  o.establish();
  const address second{"198.51.100.8", 5};
  o.of.on(server_side::control_channel_established{"web", second});
  CHECK(o.service("web").peer() == "198.51.100.8:5");
  o.of.on(server_side::control_channel_closed{"web", second, {}, 1s, o.settings});
  CHECK(o.service("web").is_up());
  CHECK(o.service("web").peer() == "198.51.100.7:40312");
  CHECK(o.service("web").listening == texts{"0.0.0.0:80"});
  o.of.on(server_side::client_refused{"web", second, config::conflict_policy::reject});
  o.of.on(server_side::client_refused{"web", second, config::conflict_policy::reject, true});
  CHECK(o.service("web").clients_refused == 2);
  o.of.on(server_side::visitor_failed_over{"web", visitor, second, errc::timed_out, true});
  o.of.on(server_side::visitor_failed_over{"web", visitor, second, errc::timed_out});
  CHECK(o.service("web").failed_over == 2);
  o.close();
  CHECK_FALSE(o.service("web").is_up());
  CHECK(o.names() == texts{"service_up", "service_listening", "client_refused", "client_skipped",
                           "service_down"});
}

TEST_CASE("statistics: the newest connections are listed first") {
  observed o;
  for (std::uint64_t id = 1; id <= 5; ++id) {
    o.of.on(server_side::forward_started{"web", visitor, id});
  }
  const auto list = o.of.connections(std::nullopt, 2);
  REQUIRE(list.connections.size() == 2);
  CHECK(list.connections[0].id == 5);
  CHECK(list.connections[1].id == 4);
  CHECK(list.total == 5);
}

TEST_CASE("statistics: a service that is gone is forgotten when its last connection ends") {
  observed o;
  o.of.on(server_side::forward_started{"web", visitor, 1});
  o.use({"dns"});
  CHECK(o.of.services().size() == 1);
  CHECK(o.of.connections(std::nullopt, 10).total == 1);
  CHECK(o.of.totals().active == 1);
  o.of.on(server_side::forward_ended{"web", visitor, 1, 10, 30, {}, false, 2s});
  o.use({"dns", "web"});
  CHECK(o.service("web").total == 0);
  CHECK(o.of.totals() == connection_totals{.total = 1, .received = 10, .sent = 30});
  o.of.on(server_side::visitor_refused{"web", visitor, errc::timed_out});
  o.use({"dns"});
  CHECK(o.of.totals().refused == 1);
}

TEST_CASE("statistics: names that are no service of the settings are ignored") {
  observed o;
  o.of.on(server_side::control_channel_established{"other", client_address});
  o.of.on(server_side::forward_started{"other", visitor, 1});
  o.of.on(server_side::forward_ended{"other", visitor, 1, 1, 1, {}, false, 1s});
  o.of.on(server_side::visitor_refused{"other", visitor, errc::timed_out});
  CHECK(o.of.services().size() == 2);
  CHECK(o.of.connections(std::nullopt, 10).total == 0);
}

TEST_CASE("statistics: refusals and reconnects are counted by their causes") {
  observed o;
  const std::pair<std::error_code, refusal_reason> refusals[] = {
      {errc::limit_reached, refusal_reason::limit},
      {errc::timed_out, refusal_reason::timeout},
      {errc::visitor_rejected, refusal_reason::filter},
      {errc::draining, refusal_reason::draining},
      {errc::address_denied, refusal_reason::denied},
      {errc::too_many_connections, refusal_reason::connections},
      {errc::too_many_of_address, refusal_reason::address_limit},
      {errc::too_many_new_connections, refusal_reason::rate},
      {errc::stopped, refusal_reason::no_client},
      {std::make_error_code(std::errc::too_many_files_open), refusal_reason::resources},
      {std::make_error_code(std::errc::connection_reset), refusal_reason::failed}};
  for (const auto& [error, reason] : refusals) {
    o.of.on(server_side::visitor_refused{"web", visitor, error});
    CHECK(o.service("web").refused[static_cast<std::size_t>(reason)] == 1);
  }
  CHECK(o.service("web").all_refused() == std::size(refusals));

  const address server{"tunnel.example", 2333};
  const config::client settings;
  const std::pair<std::error_code, reconnect_cause> failures[] = {
      {errc::authentication_failed, reconnect_cause::refused},
      {std::make_error_code(std::errc::connection_refused), reconnect_cause::network},
      {errc::malformed_message, reconnect_cause::protocol},
      {errc::heartbeat_timed_out, reconnect_cause::timeout}};
  for (const auto& [error, cause] : failures) {
    o.of.on(client_side::control_channel_failed{"web", server, error, 1s, false, settings});
    CHECK(o.service("web").reconnects[static_cast<std::size_t>(cause)] == 1);
  }
  o.of.on(client_side::control_channel_failed{"web", server, errc::end_of_stream, 1s, false,
                                              settings, true});
  CHECK(o.service("web").reconnects[static_cast<std::size_t>(reconnect_cause::displaced)] == 1);
}

TEST_CASE("statistics: a service of a client has a state on each of its servers") {
  using enum server_statistics::activity;
  observed o;
  const auto use = [&o](const texts& servers) {
    o.of.set_services({{.name = "web", .addresses = {"127.0.0.1:80"}, .servers = servers}});
  };
  use({"a:1", "b:1"});
  const auto states = [&o] {
    std::vector<server_statistics::activity> out;
    for (const auto& each : o.service("web").servers) out.push_back(each.state);
    return out;
  };
  CHECK(states() == std::vector{unused, unused});
  const address a{"a", 1}, b{"b", 1}, peer{"192.0.2.1", 1};
  const config::client settings;
  const std::error_code refused = std::make_error_code(std::errc::connection_refused);
  o.of.on(client_side::control_channel_failed{"web", a, refused, 1s, false, settings});
  o.of.on(client_side::control_channel_established{"web", peer, b});
  CHECK(states() == std::vector{down, up});
  CHECK(o.service("web").is_up());
  CHECK(o.service("web").servers[0].reason == refused.message());
  CHECK(o.service("web").servers[1].peer == "192.0.2.1:1");
  CHECK(o.service("web").peer() == "192.0.2.1:1");
  const snapshot of{.started = fixed_time(), .services = o.of.services()};
  const std::string text = metrics_text(of, {});
  CHECK(text.contains("rathole_service_server_up{service=\"web\",server=\"a:1\"} 0\n"));
  CHECK(text.contains("rathole_service_server_up{service=\"web\",server=\"b:1\"} 1\n"));
  use({"b:1", "c:1"});
  CHECK(states() == std::vector{up, unused});
  o.of.on(client_side::control_channel_failed{"web", b, refused, 1s, true, settings});
  CHECK(states() == std::vector{down, unused});
  CHECK_FALSE(o.service("web").is_up());
  CHECK(o.service("web").peer().empty());
  // The client has gone on to another server, so nothing is known of the first any more.
  client_side::control_channel_failed moves{"web", b, refused, 1s, true, settings, false, false, a};
  use({"a:1", "b:1"});
  o.of.on(moves);
  CHECK(states() == std::vector{unused, down});
  o.of.on(client_side::control_channel_established{"web", peer, a});
  CHECK(states() == std::vector{up, unused});
  CHECK(o.service("web").servers[1].reason == refused.message());
}

TEST_CASE("statistics: the datagrams of a UDP service add up") {
  observed o;
  const protocol::udp_counters since{.sent = 3,
                                     .received = 2,
                                     .queue_full = 1,
                                     .denied = 4,
                                     .over_address_limit = 5,
                                     .over_rate = 6};
  for (int i = 0; i < 2; ++i) o.of.on(server_side::datagrams_carried{"dns", since, 4, 5s});
  CHECK(o.service("dns").datagrams.sent == 6);
  CHECK(o.service("dns").datagrams.lost() == 32);
  CHECK(o.service("dns").udp_visitors == 4);
  const snapshot of{.is_server = true, .started = fixed_time(), .services = o.of.services()};
  const std::string text = metrics_text(of, {});
  for (const auto* const each : {"denied\"} 8", "address_limit\"} 10", "rate\"} 12"}) {
    CHECK(text.contains("rathole_udp_dropped_total{service=\"dns\",cause=\"" + std::string(each)));
  }
}

TEST_CASE("statistics: a flood of refused visitors is counted, and is one event") {
  observed o;
  for (int i = 0; i < 100; ++i) {
    server_side::visitor_refused event{"web", visitor, errc::address_denied};
    event.repeated = i > 0;
    o.of.on(event);
  }
  CHECK(o.service("web").refused[static_cast<std::size_t>(refusal_reason::denied)] == 100);
  CHECK(o.names() == texts{"visitor_refused"});
}

/// Returns the value of a sample, as text; `-` if there is none.
std::string sample(const std::string& text, const std::string& name) {
  const auto at = text.find("\n" + name + ' ');
  if (at == text.npos) return "-";
  const auto begin = at + name.size() + 2;
  return text.substr(begin, text.find('\n', begin) - begin);
}

TEST_CASE("metrics: every service has each of its samples from the start") {
  observed o;
  o.use({"a \"quoted\\name\n", "dns"});
  snapshot of{.is_server = true, .started = fixed_time(), .services = o.of.services()};
  const std::string text = metrics_text(of, {});
  const std::string label = R"(service="a \"quoted\\name\n")";
  CHECK(sample(text, "rathole_service_up{" + label + "}") == "0");
  for (const auto reason : refusal_reason_names) {
    CHECK(sample(text, "rathole_visitors_refused_total{" + label + ",reason=\"" +
                           std::string(reason) + "\"}") == "0");
  }
  CHECK(sample(text, "rathole_connection_duration_seconds_bucket{" + label + ",le=\"+Inf\"}") ==
        "0");
  CHECK(sample(text, "rathole_start_time_seconds") == "1706659200");
  CHECK(sample(text, "rathole_handshakes_total{result=\"ok\"}") == "0");
  of.is_server = false;
  CHECK_FALSE(metrics_text(of, {}).contains("rathole_pool_idle"));
}

TEST_CASE("metrics: counters are exact and histograms cumulative") {
  observed o;
  o.of.on(server_side::forward_started{"web", visitor, 1, 7ms});
  o.of.on(server_side::forward_ended{"web", visitor, 1, 9'007'199'254, 123'456'789, {}, false, 3s});
  o.of.on(server_side::forward_started{"web", visitor, 2, 2min});
  const std::string text = metrics_text({.is_server = true, .services = o.of.services()}, {});
  CHECK(sample(text, "rathole_bytes_total{service=\"web\",direction=\"received\"}") ==
        "9007199254");
  CHECK(sample(text, "rathole_visitors_total{service=\"web\"}") == "2");
  CHECK(sample(text, "rathole_connections_active{service=\"web\"}") == "1");
  const auto wait = [&](const std::string& bound) {
    return sample(text,
                  "rathole_visitor_wait_seconds_bucket{service=\"web\",le=\"" + bound + "\"}");
  };
  CHECK(wait("0.005") == "0");
  CHECK(wait("0.01") == "1");
  CHECK(wait("30") == "1");
  CHECK(wait("+Inf") == "2");
  CHECK(sample(text, "rathole_connection_duration_seconds_sum{service=\"web\"}") == "3");
}

}  // namespace
}  // namespace rathole::admin
