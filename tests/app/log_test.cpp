#include "../support/occurrences.hpp"

#include <rathole/app/log/client_log.hpp>
#include <rathole/app/log/server_log.hpp>
#include <rathole/core/out_of_memory.hpp>

#include <doctest/doctest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <chrono>
#include <functional>
#include <memory>
#include <regex>
#include <sstream>
#include <string>
#include <string_view>

namespace rathole::app {
namespace {

using namespace std::chrono_literals;

const std::string digest_of_web =
    "4b5e57f6eb2f42b9039b3d1e13929295f231749c510cbe341cd68036d9af97e2";

/// Keeps what is logged.
struct kept_log {
  explicit kept_log(log_level level = log_level::trace)
      : lines(log_filter(level), std::make_shared<spdlog::sinks::ostream_sink_st>(text)) {}

  /// Returns what was logged, without timestamps.
  [[nodiscard]] std::string output() const {
    const std::string all = text.str();
    return all.empty() ? all : all.substr(all.find(' ') + 1);
  }

  std::ostringstream text;
  logger lines;
};

TEST_CASE("log: layout of a line") {
  kept_log kept;
  kept.lines.write(log_level::info, "rathole::server", "handle{service=web}", "Listening at {}");
  kept.lines.write(log_level::error, "rathole", "Hm %v");
  const std::regex layout(
      R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z  INFO handle\{service=web\}: rathole::server: Listening at \{\}
\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z ERROR rathole: Hm %v
)");
  CHECK(std::regex_match(kept.text.str(), layout));
}

TEST_CASE("log: levels are aligned, and the filter decides what is written") {
  struct example {
    log_level level;
    const char* expected;
  };
  const example examples[] = {
      {log_level::trace, "TRACE t: m\n"}, {log_level::debug, "DEBUG t: m\n"},
      {log_level::info, " INFO t: m\n"},  {log_level::warn, " WARN t: m\n"},
      {log_level::error, "ERROR t: m\n"},
  };
  for (const auto& [level, expected] : examples) {
    kept_log kept;
    kept.lines.write(level, "t", "m");
    CHECK(kept.output() == expected);
    kept_log strict(log_level::error);
    strict.lines.write(level, "t", "m");
    CHECK(strict.text.str().empty() == (level != log_level::error));
  }
}

/// Returns the settings of the instances whose events are logged.
const config::client of_client;
const config::server of_server;

TEST_CASE("log: a client's events become the documented lines") {
  const address remote{"example.com", 2333};
  const address local{"127.0.0.1", 80};
  const auto refused = std::make_error_code(std::errc::connection_refused);
  const auto reset = std::make_error_code(std::errc::connection_reset);
  const auto failed = [&](std::error_code error, bool established) {
    return client_side::control_channel_failed{"web",  remote,      error,
                                               1036ms, established, of_client};
  };
  struct example {
    std::function<void(client_log&)> event;
    std::string expected;
  };
  const std::string start = "handle{service=web}: rathole::client: ";
  const std::string no_control = "ERROR " + start + "Failed to run the control channel: ";
  const example examples[] = {
      {[&](auto& log) { log.on(client_side::control_channel_starting{"web", remote}); },
       " INFO " + start + "Starting " + digest_of_web +
           ": service web of the server at example.com:2333"},
      {[&](auto& log) { log.on(client_side::control_channel_established{"web", remote}); },
       " INFO " + start + "Control channel established"},
      {[&](auto& log) { log.on(failed(errc::authentication_failed, false)); },
       no_control +
           "Authentication failed: web: Incorrect token; `token` of `client.services.web`, or "
           "`client.default_token`, must be that of the server. Retry in 1.036s..."},
      {[&](auto& log) { log.on(failed(errc::service_not_exist, false)); },
       no_control + "Authentication failed: web: Service not exist; the server has no "
                    "`[server.services.web]`. Retry in 1.036s..."},
      {[&](auto& log) { log.on(failed(refused, false)); },
       no_control +
           "Failed to connect to example.com:2333: Connection refused; nothing listens there: "
           "start it, or correct `client.remote_addr`. Retry in 1.036s..."},
      {[&](auto& log) { log.on(failed(errc::host_not_found, false)); },
       no_control +
           "Failed to connect to example.com:2333: host not found; see `client.remote_addr`. "
           "Retry in 1.036s..."},
      {[&](auto& log) { log.on(failed(errc::timed_out, false)); },
       no_control +
           "No answer from example.com:2333: timed out; see `client.remote_addr`, and compare "
           "`transport.type` of both sides. Retry in 1.036s..."},
      {[&](auto& log) { log.on(failed(errc::malformed_message, false)); },
       no_control + "Failed to handshake with example.com:2333: malformed message; what answers at "
                    "`client.remote_addr` seems to be no rathole server. Retry in 1.036s..."},
      {[&](auto& log) { log.on(failed(errc::heartbeat_timed_out, true)); },
       no_control + "Heartbeat timed out: nothing came from example.com:2333 for 40s; "
                    "`client.heartbeat_timeout` must be above `server.heartbeat_interval`. Retry "
                    "in 1.036s..."},
      {[&](auto& log) { log.on(failed(errc::end_of_stream, true)); },
       " INFO " + start +
           "Control channel shutdown: the server closed the connection; it was stopped, another "
           "client took the service over, or the service was removed. Retry in 1.036s..."},
      {[&](auto& log) { log.on(failed(errc::truncated, true)); },
       no_control + "the connection ended without notice; the server was killed, or something "
                    "between closed it. Retry in 1.036s..."},
      {[&](auto& log) { log.on(failed(reset, true)); },
       no_control + "Connection reset by peer; the server was stopped, or something between cut "
                    "the connection. Retry in 1.036s..."},
      {[&](auto& log) { log.on(client_side::data_channel_failed{"web", reset}); },
       "DEBUG " + start + "Failed to run the data channel: Connection reset by peer"},
      {[&](auto& log) { log.on(client_side::data_channel_failed{"web", errc::truncated}); },
       "DEBUG " + start +
           "Failed to run the data channel: connection cut in the middle of a message"},
      {[&](auto& log) { log.on(client_side::data_channel_failed{"web", errc::limit_reached}); },
       " WARN " + start +
           "Failed to run the data channel: limit reached; as many connections or data channels "
           "are open as `client.max_forwards`, `client.max_dials` or the limit of open files "
           "allow"},
      {[&](auto& log) {
         log.on(client_side::data_channel_failed{"web", reset, client_side::no_server, true});
       },
       " WARN " + start +
           "Failed to run the data channel: cannot connect to the server: Connection reset by "
           "peer"},
      {[&](auto& log) {
         log.on(client_side::data_channel_failed{"web", errc::limit_reached, client_side::no_server,
                                                 true});
       },
       " WARN " + start +
           "Failed to run the data channel: cannot connect to the server: limit reached"},
      {[&](auto& log) { log.on(client_side::control_channel_closed{"web", true}); },
       " INFO " + start + "Control channel shutdown"},
      {[&](auto& log) { log.on(client_side::data_channel_failed{"web", refused}); },
       " WARN " + start + "Failed to run the data channel: Connection refused"},
      {[&](auto& log) { log.on(client_side::data_channel_failed{"web", errc::end_of_stream}); },
       "DEBUG " + start + "Failed to run the data channel: connection closed by the peer"},
      {[&](auto& log) { log.on(client_side::local_connect_failed{"web", local, refused}); },
       " WARN " + start +
           "Failed to run the data channel: Failed to connect to 127.0.0.1:80: Connection refused; "
           "nothing listens there: start it, or correct `client.services.web.local_addr`"},
      {[&](auto& log) { log.on(client_side::local_connect_failed{"game:80", local, refused}); },
       " WARN handle{service=game:80}: rathole::client: Failed to run the data channel: Failed to "
       "connect to 127.0.0.1:80: Connection refused; nothing listens there: start it, or correct "
       "`client.services.game.local_addr` or `client.services.\"game:80\".local_addr`"},
      {[&](auto& log) { log.on(client_side::local_target_changed{"web", local, refused}); },
       " WARN " + start +
           "The local address 127.0.0.1:80 is down: Connection refused; nothing listens there: "
           "start it, or correct `client.services.web.local_addr`"},
      {[&](auto& log) {
         log.on(client_side::local_target_changed{"web", local, errc::malformed_http});
       },
       " WARN " + start +
           "The local address 127.0.0.1:80 is down: malformed HTTP; the health check asks by HTTP: "
           "if the local service speaks something else, set `client.services.web.health_check` to "
           "\"tcp\""},
      {[&](auto& log) { log.on(client_side::local_target_changed{"web", local, errc::timed_out}); },
       " WARN " + start +
           "The local address 127.0.0.1:80 is down: timed out; see "
           "`client.services.web.local_addr`; if the local service is slow or hangs, see its log, "
           "and `timeout` and `path` of its `health_check`"},
      {[&](auto& log) {
         log.on(client_side::local_target_changed{"web", local,
                                                  std::error_code(503, http::status_category())});
       },
       " WARN " + start +
           "The local address 127.0.0.1:80 is down: the answer has the status 503 (Service "
           "Unavailable); see `client.services.web.health_check.path` and the log of the local "
           "service"},
      {[&](auto& log) { log.on(client_side::local_target_changed{"web", local, {}}); },
       " INFO " + start + "The local address 127.0.0.1:80 counts as up again"},
      {[&](auto& log) { log.on(client_side::forward_started{"web", 7}); },
       "DEBUG " + start + "Forward 7 started"},
      {[&](auto& log) { log.on(client_side::forward_ended{"web", 7, 3, 4, {}}); },
       "DEBUG " + start + "Forward 7 ended: 3 bytes from the visitor, 4 to it"},
  };
  for (const auto& [event, expected] : examples) {
    CAPTURE(expected);
    kept_log kept;
    client_log log(kept.lines);
    event(log);
    CHECK(kept.output() == expected + "\n");
  }
}

TEST_CASE("log: a service start is logged once, however often it is retried") {
  kept_log kept(log_level::info);
  client_log log(kept.lines);
  const address remote{"example.com", 2333};
  for (int i = 0; i < 3; ++i) log.on(client_side::control_channel_starting{"web", remote});
  CHECK(kept.output() == " INFO handle{service=web}: rathole::client: Starting " + digest_of_web +
                             ": service web of the server at example.com:2333\n");
}

TEST_CASE("log: the lines of a client that has met several servers name them") {
  kept_log kept(log_level::info);
  client_log log(kept.lines);
  const address first{"a.example.com", 2333};
  const address second{"b.example.com", 2333};
  const auto refused = std::make_error_code(std::errc::connection_refused);
  log.on(client_side::control_channel_starting{"web", first});
  log.on(client_side::control_channel_failed{"web", first, refused, 0s, false, of_client, false,
                                             false, second});
  log.on(client_side::control_channel_starting{"web", second});
  log.on(client_side::control_channel_established{"web", second, second});
  log.on(client_side::control_channel_failed{"web", second, errc::authentication_failed, 1s, false,
                                             of_client, false, false, second});
  // Other services name theirs, too.
  log.on(client_side::control_channel_established{"dns", second, second});
  log.on(client_side::control_channel_closed{"web", true, second});
  log.on(client_side::control_channel_closed{"web", true, first});
  const std::string start = "handle{service=web}: rathole::client: ";
  const std::string output = kept.output();
  CAPTURE(output);
  CHECK(output.contains("Failed to connect to a.example.com:2333: Connection refused"));
  CHECK(output.contains(". Trying the server at b.example.com:2333\n"));
  CHECK(output.contains(start + "Control channel established with the server at "
                                "b.example.com:2333\n"));
  CHECK(
      output.contains("Failed to run the control channel with the server at b.example.com:2333: "));
  CHECK(
      output.contains("handle{service=dns}: rathole::client: Control channel established with the "
                      "server at b.example.com:2333\n"));
  CHECK(output.contains("Control channel with the server at b.example.com:2333 shutdown\n"));
  CHECK(output.ends_with(start + "Control channel shutdown\n"));
}

TEST_CASE("log: falling back from an IPv6 address to IPv4 is a warning") {
  const address at{"0.0.0.0", 2333};
  const address wanted{"::", 2333};
  kept_log kept;
  server_log log(kept.lines);
  log.on(server_side::listening{at, &wanted});
  log.on(server_side::service_listening{"web", at, &wanted});
  const std::string output = kept.output();
  CAPTURE(output);
  const std::string words =
      "This host has no IPv6: listening at 0.0.0.0:2333 in place of [::]:2333; name 0.0.0.0 in "
      "`bind_addr` if that is meant\n";
  CHECK(output.contains(" WARN rathole::server: " + words));
  CHECK(output.contains(" INFO rathole::server: Listening at 0.0.0.0:2333\n"));
  CHECK(output.contains(" WARN handle{service=web}: rathole::server: " + words));
}

TEST_CASE("log: leaving out an IPv6 address is a warning") {
  const address at{"::", 2333};
  kept_log kept;
  server_log log(kept.lines);
  log.on(server_side::address_left_out{"", at});
  log.on(server_side::address_left_out{"web", at});
  const std::string words =
      "rathole::server: This host has no IPv6: [::]:2333 is left out, since `bind_addr` names "
      "0.0.0.0 with the same port\n";
  const std::string output = kept.output();
  CHECK(output.contains(" WARN " + words));
  CHECK(output.contains(" WARN handle{service=web}: " + words));
}

TEST_CASE("log: a server's events become the documented lines") {
  const address at{"::1", 2333};
  const address peer{"192.0.2.7", 40000};
  const auto in_use = std::make_error_code(std::errc::address_in_use);
  struct example {
    std::function<void(server_log&)> event;
    std::string expected;
  };
  const server_side::refusal_summary refused{
      {1000, 1950, 0, 0, 0, 0, 0, 0, 0, 21, 0, 7}, 2, "192.0.2.7", 2970, 60s};
  const server_side::refusal_summary single{
      {0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, 1, "192.0.2.7", 1, 250ms};
  const std::string service = "handle{service=web}: rathole::server: ";
  const std::string connection = "connection{addr=192.0.2.7:40000}: rathole::server: ";
  const std::string channel =
      "connection{addr=192.0.2.7:40000}:handle{service=web}: rathole::server: ";
  const example examples[] = {
      {[&](auto& log) { log.on(server_side::listening{at}); },
       " INFO rathole::server: Listening at [::1]:2333"},
      {[&](auto& log) { log.on(server_side::service_listening{"web", at}); },
       " INFO " + service + "Listening at [::1]:2333"},
      {[&](auto& log) { log.on(server_side::service_bind_failed{"web", at, in_use, 2s}); },
       "ERROR " + service +
           "Failed to listen at [::1]:2333: Address already in use; another program or another "
           "copy of this one listens there, or has a connection from that port: end it, or choose "
           "another port. Retry in 2s..."},
      {[&](auto& log) { log.on(server_side::listener_lost{at, in_use, 2s}); },
       "ERROR rathole::server: Failed to listen at [::1]:2333 again: Address already in use; "
       "another program or another copy of this one listens there, or has a connection from that "
       "port: end it, or choose another port. Retry in 2s..."},
      {[&](auto& log) { log.on(server_side::accept_failed{"web", in_use, 450ms}); },
       "ERROR " + service + "Failed to accept: Address already in use. Retry in 450ms..."},
      {[&](auto& log) { log.on(server_side::accept_failed{"", in_use, 1250ms}); },
       "ERROR rathole::server: Failed to accept: Address already in use. Retry in 1.25s..."},
      {[&](auto& log) { log.on(server_side::handshake_failed{peer, errc::timed_out, of_server}); },
       "DEBUG " + connection + "Failed to handshake: timed out"},
      {[&](auto& log) { log.on(server_side::unknown_service{peer, digest_of_web}); },
       "ERROR " + connection + "No such a service " + digest_of_web +
           "; a client's service has a name that none of `server.services` has: the client's log "
           "says which"},
      {[&](auto& log) { log.on(server_side::authentication_failed{"web", peer}); },
       "ERROR " + connection +
           "Service web failed the authentication; the client's `token` must be that "
           "of `server.services.web`"},
      {[&](auto& log) { log.on(server_side::unknown_service{peer, digest_of_web, true}); },
       "DEBUG " + connection + "No such a service " + digest_of_web +
           "; a client's service has a name that none of `server.services` has: the client's log "
           "says which"},
      {[&](auto& log) { log.on(server_side::authentication_failed{"web", peer, true}); },
       "DEBUG " + connection +
           "Service web failed the authentication; the client's `token` must be that "
           "of `server.services.web`"},
      {[&](auto& log) { log.on(server_side::connections_refused{refused}); },
       " WARN rathole::server: Refused 2978 connections from 2 sources in 60s: 1000 dropped "
       "because "
       "too many, 1950 timed out, 21 wrong token, 7 from addresses that `server.allow` or "
       "`server.deny` refuses; most from 192.0.2.7 (2970)"},
      {[&](auto& log) { log.on(server_side::connections_refused{single}); },
       " WARN rathole::server: Refused 1 connection from 1 source in 250ms: 1 of another "
       "transport; "
       "most from 192.0.2.7 (1)"},
      {[&](auto& log) { log.on(server_side::control_channel_established{"web", peer}); },
       " INFO " + channel + "Control channel established"},
      {[&](auto& log) { log.on(server_side::control_channel_replaced{"web", peer, at}); },
       " WARN " + channel +
           "Dropping previous control channel for service web: the client at [::1]:2333 takes its "
           "place; if this goes on, two clients have the service"},
      {[&](auto& log) {
         log.on(server_side::client_refused{"web", peer, config::conflict_policy::reject});
       },
       " WARN " + channel +
           "Client refused: another client serves the service, and `on_conflict` is `reject`; it "
           "comes again by itself"},
      {[&](auto& log) {
         log.on(server_side::client_refused{"web", peer, config::conflict_policy::replace, false,
                                            make_error_code(std::errc::too_many_files_open)});
       },
       "ERROR " + channel +
           "Client refused: Too many open files; listeners and control channels leave descriptors "
           "for connections and files: raise the limit of open files (`ulimit -n`, LimitNOFILE= of "
           "systemd), or serve fewer ports; it comes again by itself"},
      {[&](auto& log) {
         log.on(server_side::client_refused{"web", peer, config::conflict_policy::balance});
       },
       " WARN " + channel +
           "Client refused: the service has as many clients as `max_clients` allows; it comes "
           "again by itself"},
      {[&](auto& log) {
         log.on(server_side::visitor_failed_over{"web", at, peer, errc::timed_out, true});
       },
       " WARN " + channel +
           "The client does not serve visitor [::1]:2333: timed out; another client gets it, and "
           "new visitors for a while"},
      {[&](auto& log) {
         log.on(server_side::visitor_failed_over{"web", at, peer, errc::end_of_stream});
       },
       "DEBUG " + channel +
           "The client does not serve visitor [::1]:2333: connection closed by the peer; another "
           "client gets it"},
      {[&](auto& log) {
         log.on(
             server_side::control_channel_closed{"web", peer, errc::end_of_stream, 1s, of_server});
       },
       " INFO " + channel + "Control channel shutdown: the client closed the connection"},
      {[&](auto& log) {
         log.on(server_side::control_channel_closed{"web", peer, errc::stopped, 1s, of_server});
       },
       " INFO " + channel + "Control channel shutdown"},
      {[&](auto& log) { log.on(server_side::visitor_refused{"web", peer, errc::limit_reached}); },
       " WARN " + service +
           "Visitor 192.0.2.7:40000 refused: limit reached; as many as `max_waiting_visitors` "
           "of `server.services.web` wait for the client"},
      {[&](auto& log) {
         log.on(server_side::visitor_refused{"web", peer, errc::limit_reached, true});
       },
       " WARN " + service +
           "Visitor 192.0.2.7:40000 refused: limit reached; connections from the client's own "
           "address get no answer: the service may lead back to itself"},
      {[&](auto& log) { log.on(server_side::visitor_refused{"web", peer, errc::address_denied}); },
       " WARN " + service +
           "Visitor 192.0.2.7:40000 refused: the address is not allowed; see `allow` or `deny` of "
           "`server.services.web`"},
      {[&](auto& log) {
         log.on(server_side::visitor_refused{"web", peer, errc::too_many_connections});
       },
       " WARN " + service +
           "Visitor 192.0.2.7:40000 refused: too many connections; see `max_connections` of "
           "`server.services.web`"},
      {[&](auto& log) {
         log.on(server_side::visitor_refused{"web", peer, errc::too_many_of_address});
       },
       " WARN " + service +
           "Visitor 192.0.2.7:40000 refused: too many connections from its address; see "
           "`max_connections_per_address` of `server.services.web`"},
      {[&](auto& log) {
         log.on(server_side::visitor_refused{"web", peer, errc::too_many_new_connections});
       },
       " WARN " + service +
           "Visitor 192.0.2.7:40000 refused: too many new connections from its address; see "
           "`new_connections_per_second` of `server.services.web`"},
      {[&](auto& log) { log.on(server_side::visitor_refused{"web", peer, errc::timed_out}); },
       " WARN " + service +
           "Visitor 192.0.2.7:40000 refused: timed out; the client made no data channel within "
           "`visitor_timeout` of `server.services.web`: see the client's log"},
      {[&](auto& log) {
         log.on(
             server_side::visitor_refused{"web", peer, errc::malformed_proxy_header, false, true});
       },
       " WARN " + service +
           "Visitor 192.0.2.7:40000 refused: no valid header of the PROXY protocol; "
           "the "
           "proxies in `trusted_proxies` of `server.services.web` must send one, as HAProxy does "
           "with "
           "`send-proxy-v2`"},
      {[&](auto& log) {
         log.on(server_side::visitor_refused{"web", peer, errc::timed_out, false, true});
       },
       " WARN " + service +
           "Visitor 192.0.2.7:40000 refused: no header of the PROXY protocol came in "
           "time; "
           "the proxies in `trusted_proxies` of `server.services.web` must send one, as HAProxy "
           "does "
           "with "
           "`send-proxy-v2`"},
      {[&](auto& log) {
         log.on(server_side::visitor_refused{"web", peer, errc::limit_reached, false, true});
       },
       " WARN " + service +
           "Visitor 192.0.2.7:40000 refused: limit reached; as many connections of "
           "`trusted_proxies` as `server.max_handshakes` wait for their header of the PROXY "
           "protocol"},
      {[&](auto& log) { log.on(server_side::visitor_refused{"web", peer, errc::stopped}); },
       " WARN " + service +
           "Visitor 192.0.2.7:40000 refused: stopped; the server or the service ends"},
      {[&](auto& log) { log.on(server_side::forward_started{"web", peer, 8}); },
       "DEBUG " + service + "Forward 8 started for visitor 192.0.2.7:40000"},
      {[&](auto& log) { log.on(server_side::forward_ended{"web", peer, 8, 3, 4, in_use}); },
       "DEBUG " + service +
           "Forward 8 ended: 3 bytes from the visitor, 4 to it: Address already in use"},
  };
  for (const auto& [event, expected] : examples) {
    CAPTURE(expected);
    kept_log kept;
    server_log log(kept.lines);
    event(log);
    CHECK(kept.output() == expected + "\n");
  }
}

time_point current_time;

TEST_CASE("log: lines that visitors can cause without limit are written once per interval") {
  kept_log kept(log_level::info);
  const auto now = [] { return current_time; };
  server_log at_server(kept.lines, {}, now);
  client_log at_client(kept.lines, now);
  const address at{"192.0.2.7", 1};
  current_time = time_point(1h);
  const auto emit_all = [&] {
    at_server.on(server_side::visitor_refused{"web", at, errc::limit_reached});
    at_server.on(server_side::visitor_refused{"web", at, errc::timed_out});
    at_server.on(server_side::visitor_refused{"mail", at, errc::timed_out});
    for (int i = 0; i < 1000; ++i) {
      at_server.on(server_side::visitor_refused{"web", at, errc::too_many_new_connections});
    }
    const auto shortage = std::make_error_code(std::errc::too_many_files_open);
    at_server.on(server_side::accept_failed{"", shortage, 100ms});
    at_server.on(server_side::accept_failed{"", out_of_memory(), 100ms});
    at_server.on(server_side::accept_failed{"web", shortage, 700ms});
    at_client.on(client_side::data_channel_failed{"web", errc::limit_reached});
    at_client.on(client_side::local_connect_failed{"web", at, errc::limit_reached});
  };
  for (int i = 0; i < 4; ++i) emit_all();
  CHECK(std::ranges::count(kept.text.str(), '\n') == 9);
  CHECK(kept.text.str().find("more before") == std::string::npos);
  kept.text.str("");
  current_time += repeat_interval;
  for (int i = 0; i < 4; ++i) emit_all();
  const std::string later = kept.text.str();
  CHECK(std::ranges::count(later, '\n') == 9);
  CHECK(later.contains("of `server.services.web` (3999 more before)\n"));
  CHECK(
      later.contains("Failed to accept: Too many open files. Retry in 100ms... (3 more before)\n"));
  CHECK(later.contains("refused: limit reached; "));
  CHECK(later.contains("wait for the client (3 more before)\n"));
  CHECK(later.contains("Failed to run the data channel: limit reached; "));
  CHECK(later.contains("open files allow (3 more before)\n"));
}

TEST_CASE(
    "log: a client explains failing control channels per service, a bounded number of times") {
  kept_log kept(log_level::info);
  client_log log(kept.lines, [] { return current_time; });
  const address remote{"192.0.2.7", 2333};
  const auto count = [&kept] {
    return static_cast<std::uint64_t>(std::ranges::count(kept.text.str(), '\n'));
  };
  const auto fail = [&](std::string_view service, std::error_code error, bool established) {
    log.on(client_side::control_channel_failed{service, remote, error, 1s, established, of_client});
  };
  current_time = time_point(1h);
  const auto refused = std::make_error_code(std::errc::connection_refused);
  for (int i = 0; i < 10; ++i) {
    for (const char* service : {"web", "mail", "news"}) fail(service, refused, false);
  }
  CHECK(count() == 3 * max_failure_lines);
  // Ordinary restarts of the server are always logged.
  for (const char* service : {"web", "mail", "news"}) fail(service, errc::end_of_stream, true);
  CHECK(count() == 3 * max_failure_lines + 3);
  current_time += repeat_interval;
  kept.text.str("");
  fail("web", refused, false);
  CHECK(kept.output().ends_with("Retry in 1s... (7 more before)\n"));
  kept.text.str("");
  current_time += repeat_interval;
  for (int i = 0; i < 500; ++i) fail("s" + std::to_string(i), refused, false);
  CHECK(count() == max_cause_lines);
}

TEST_CASE("log: a server explains why clients are refused once per cause and interval") {
  kept_log kept(log_level::info);
  server_log log(kept.lines, {}, [] { return current_time; });
  current_time = time_point(1h);
  for (std::uint16_t port = 1; port < 20; ++port) {
    const address peer{"192.0.2.7", port};
    for (const auto look : {protocol::wire_protocol::tls, protocol::wire_protocol::http}) {
      log.on(server_side::handshake_failed{peer, protocol::wrong_protocol(look), of_server});
    }
    for (const auto error : {errc::timed_out, errc::end_of_stream, errc::limit_reached,
                             errc::closed_in_handshake, errc::malformed_message}) {
      log.on(server_side::handshake_failed{peer, error, of_server});
    }
  }
  CHECK(std::ranges::count(kept.text.str(), '\n') == 2);
  CHECK(kept.text.str().find("the client speaks TLS, but `server.transport.type` is `tcp`") !=
        std::string::npos);
}

TEST_CASE("log: a server warns if a client repeatedly closes what was just started") {
  kept_log kept(log_level::warn);
  server_log log(kept.lines, {}, [] { return current_time; });
  const address peer{"192.0.2.7", 1};
  const auto close_after = [&](duration lasted, std::error_code error = errc::end_of_stream) {
    log.on(server_side::control_channel_closed{"web", peer, error, lasted, of_server});
  };
  SUBCASE("its control channel, always after the same time") {
    for (const duration lasted : {1100ms, 900ms}) close_after(lasted);
    CHECK(kept.text.str().empty());
    close_after(1000ms);
    CHECK(kept.text.str().contains(
        "it is stopped and started each time, or its `client.heartbeat_timeout` is not above "
        "`server.heartbeat_interval` (30s)"));
  }
  SUBCASE("no warning after varying times, or for other reasons") {
    for (const duration lasted : {duration(1s), duration(9s), duration(3s), duration(90s)}) {
      for (int i = 0; i < 2; ++i) close_after(lasted);
    }
    for (int i = 0; i < 9; ++i) close_after(1s, errc::stopped);
    for (int i = 0; i < 9; ++i) close_after(100ms);
    for (int i = 0; i < 9; ++i) close_after(40s);
    CHECK(kept.text.str().empty());
  }
  SUBCASE("its UDP data channels") {
    const server_side::udp_channel_lost lost{"web", peer, 10ms, errc::end_of_stream};
    for (int i = 0; i < 2; ++i) log.on(lost);
    log.on(server_side::udp_channel_lost{"web", peer, 5s, errc::end_of_stream});
    for (int i = 0; i < 2; ++i) log.on(lost);
    CHECK(kept.text.str().empty());
    log.on(lost);
    CHECK(kept.text.str().find("`type` of `client.services.web` must be `udp` too") !=
          std::string::npos);
  }
  SUBCASE("the connections of its visitors, unless the service may be a loop") {
    current_time = time_point(1h);
    const auto reset = std::make_error_code(std::errc::connection_reset);
    log.on(server_side::visitor_refused{"web", peer, errc::limit_reached, true});
    for (int i = 0; i < 9; ++i) log.on(server_side::forward_ended{"web", peer, 1, 3, 0, reset});
    CHECK_FALSE(kept.text.str().contains("its local service must run"));
    current_time += repeat_interval;
    log.on(server_side::forward_ended{"web", peer, 1, 3, 0, reset});
    CHECK(kept.text.str().contains("its local service must run"));
  }
  SUBCASE("the connections of its visitors") {
    const auto reset = std::make_error_code(std::errc::connection_reset);
    for (int i = 0; i < 2; ++i) log.on(server_side::forward_ended{"web", peer, 1, 3, 0, reset});
    log.on(server_side::forward_ended{"web", peer, 1, 3, 5, reset});
    for (int i = 0; i < 9; ++i) log.on(server_side::forward_ended{"web", peer, 1, 3, 0, {}});
    CHECK(kept.text.str().empty());
    for (int i = 0; i < 2; ++i) log.on(server_side::forward_ended{"web", peer, 1, 3, 0, reset});
    // Those that the visitors broke do not count, neither for nor against the client.
    for (int i = 0; i < 9; ++i)
      log.on(server_side::forward_ended{"web", peer, 1, 3, 0, reset, true});
    CHECK(kept.text.str().empty());
    log.on(server_side::forward_ended{"web", peer, 1, 3, 0, reset});
    CHECK(kept.text.str().find("its local service must run") != std::string::npos);
  }
}

TEST_CASE("log: a port that stays in use is an error once, until the reason changes") {
  kept_log kept(log_level::info);
  current_time = time_point(1h);
  server_log log(kept.lines, {}, [] { return current_time; });
  const address at{"192.0.2.1", 80};
  const auto in_use = std::make_error_code(std::errc::address_in_use);
  const auto denied = std::make_error_code(std::errc::permission_denied);
  const auto lines = [&] { return std::ranges::count(kept.text.str(), '\n'); };
  log.on(server_side::service_bind_failed{"web", at, in_use, 1s});
  log.on(server_side::listener_lost{at, in_use, 1s});
  CHECK(lines() == 2);
  for (int i = 0; i < 9; ++i) {
    current_time += repeat_interval;
    log.on(server_side::service_bind_failed{"web", at, in_use, 1s, true});
    log.on(server_side::listener_lost{at, in_use, 1s, true});
  }
  CHECK(lines() == 2);
  log.on(server_side::service_bind_failed{"web", at, denied, 1s});
  CHECK(lines() == 3);
}

TEST_CASE("log: services without descriptors have one line together") {
  const auto none = std::make_error_code(std::errc::too_many_files_open);
  const std::string advice = "raise the limit of open files";
  kept_log kept(log_level::info);
  current_time = time_point(1h);
  const auto now = [] { return current_time; };
  server_log at_server(kept.lines, {}, now);
  client_log at_client(kept.lines, now);
  const address server{"198.51.100.4", 2333};
  const config::client settings;
  const auto happens_to_all = [&] {
    for (std::uint16_t i = 0; i < 300; ++i) {
      const std::string name = "game:" + std::to_string(8000 + i);
      const address at{"0.0.0.0", static_cast<std::uint16_t>(8000 + i)};
      at_server.on(server_side::service_bind_failed{name, at, none, 1s});
      at_server.on(
          server_side::client_refused{name, server, config::conflict_policy::replace, false, none});
      at_client.on(client_side::control_channel_failed{name, server, none, 1s, false, settings});
    }
  };
  happens_to_all();
  CHECK(test::occurrences(kept.text.str(), "\n") == 3);
  CHECK(test::occurrences(kept.text.str(), advice) == 3);
  current_time += repeat_interval;
  happens_to_all();
  CHECK(test::occurrences(kept.text.str(), advice) == 6);
  CHECK(test::occurrences(kept.text.str(), "(299 more before)") == 3);
}

TEST_CASE("log: the number of distinct limited lines that are tracked is bounded") {
  repeat_limiter known;
  const time_point now(1h);
  std::size_t written = 0;
  for (std::size_t i = 0; i < 2 * max_repeated_lines; ++i) {
    if (known.note(std::to_string(i), now)) ++written;
  }
  CHECK(written == max_repeated_lines + 1);
  CHECK(known.note("0", now) == std::nullopt);
  CHECK(known.note("unknown", now) == std::nullopt);
  // Kinds older than the interval are dropped to make room.
  const time_point later = now + repeat_interval;
  CHECK(known.note("unknown", later) == 0);
  CHECK(known.note("unknown", later) == std::nullopt);
  CHECK(known.note("0", later) == 0);
}

TEST_CASE(
    "log: a fixed number of lines of a kind is written per minute, and the next one counts the "
    "rest") {
  repeat_limiter known;
  time_point now(1h);
  for (int i = 0; i < 3; ++i) CHECK(known.note("x", now, 3) == 0);
  for (int i = 0; i < 5; ++i) CHECK(known.note("x", now, 3) == std::nullopt);
  now += repeat_interval;
  CHECK(known.note("x", now, 3) == 5);
  CHECK(known.note("x", now, 3) == 0);
  CHECK(known.note("x", now, 3) == 0);
  CHECK(known.note("x", now, 3) == std::nullopt);
}

TEST_CASE("log: a client that reconnects all the time writes a bounded number of lines") {
  kept_log kept(log_level::info);
  server_log log(kept.lines, {}, [] { return current_time; });
  const address peer{"192.0.2.1", 1};
  const config::server settings;
  for (int i = 0; i < 10'000; ++i) {
    log.on(server_side::control_channel_established{"web", peer});
    log.on(server_side::service_listening{"web", peer});
    log.on(server_side::service_bind_failed{"web", peer, errc::timed_out, 1s});
    log.on(server_side::control_channel_closed{"web", peer, errc::end_of_stream, 1h, settings});
    log.on(server_side::service_loops{"web", peer});
  }
  const std::string all = kept.text.str();
  CHECK(std::ranges::count(all, '\n') <= static_cast<std::ptrdiff_t>(4 * max_service_lines + 1));
  kept.text.str("");
  current_time += repeat_interval;
  log.on(server_side::control_channel_established{"web", peer});
  CHECK(kept.output() ==
        " INFO connection{addr=192.0.2.1:1}:handle{service=web}: rathole::server: Control "
        "channel established (9980 more before)\n");
}

TEST_CASE("log: names cannot add lines, move the cursor, or grow without bound") {
  const std::string hostile_name =
      "x\n2026-01-01T00:00:00.000000Z  INFO rathole: \x1b[2J" + std::string(100'000, 'y');
  const address at{"h\x9bst\xe2\x80\xae", 1};
  kept_log kept;
  server_log server_lines(kept.lines);
  server_lines.on(server_side::service_listening{hostile_name, at});
  server_lines.on(server_side::authentication_failed{hostile_name, at});
  server_lines.on(server_side::control_channel_replaced{hostile_name, at, at});
  server_lines.on(server_side::visitor_refused{hostile_name, at, errc::timed_out});
  server_lines.on(server_side::visitor_failed_over{hostile_name, at, at, errc::timed_out, true});
  client_log client_lines(kept.lines);
  client_lines.on(client_side::control_channel_established{hostile_name, at});
  client_lines.on(client_side::control_channel_failed{hostile_name, at, errc::authentication_failed,
                                                      1s, false, of_client});
  client_lines.on(client_side::local_connect_failed{hostile_name, at, errc::timed_out});
  const std::string all = kept.text.str();
  CHECK(std::ranges::count(all, '\n') == 8);
  CHECK(all.find('\x1b') == all.npos);
  CHECK(all.find('\x9b') == all.npos);
  CHECK(all.find("\xe2\x80\xae") == all.npos);
  CHECK(all.size() < 7 * 1000);
}

}  // namespace
}  // namespace rathole::app
