// The steps of a diagnosis and how they are written, without input or output.

#include <rathole/embed/diagnose/client_plan.hpp>
#include <rathole/embed/diagnose/server_check.hpp>
#include <rathole/embed/diagnose/step_list.hpp>
#include <rathole/text/advice.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

namespace rathole::embed {
namespace {

using namespace std::chrono_literals;

/// Performs all steps, each of which fails if `fails(name)` is true.
template <class Action, class Fails>
diagnosis perform(step_list<Action> steps, const Fails& fails) {
  while (steps.next()) {
    // The name is known once the step is recorded, so a copy is recorded first.
    step_list<Action> ahead = steps;
    ahead.succeeded("", 0ms);
    if (fails(ahead.done().steps.back().name)) {
      steps.failed(errc::timed_out, {"why", "; what to do"}, 2ms);
    } else {
      steps.succeeded("found", 1ms);
    }
  }
  return steps.take();
}

std::string summary(const diagnosis& all) {
  std::string out;
  for (const diagnosis_step& each : all.steps) {
    const char mark = each.result == step_result::ok       ? '+'
                      : each.result == step_result::failed ? '!'
                                                           : '-';
    out += (out.empty() ? "" : " ") + (mark + each.name);
  }
  return out;
}

config::client client_of(config::transport_kind kind, bool with_proxy) {
  config::client out;
  out.remote_addr = {"example.com", 2333};
  out.transport.kind = kind;
  if (with_proxy) out.transport.tcp.proxy.emplace().host = "192.0.2.1";
  out.services.emplace_back().name = "web";
  out.services.back().local_addr = {"127.0.0.1", 80};
  out.services.back().token = secret("s3cret");
  return out;
}

TEST_CASE("diagnosis steps: a failed step skips those that need it, and no others") {
  using config::transport_kind;
  struct row {
    transport_kind kind;
    bool with_proxy;
    bool authenticate;
    const char* failing;
    const char* expected;
  };
  const row rows[] = {
      {transport_kind::tcp, false, false, "", "+settings +resolve +connect +hello +service +local"},
      {transport_kind::tcp, false, true, "",
       "+settings +resolve +connect +hello +authenticate +local"},
      {transport_kind::tls, true, false, "",
       "+settings +connect +proxy +handshake +hello +service +local"},
      {transport_kind::tcp, false, false, "settings",
       "!settings +resolve +connect -hello -service +local"},
      {transport_kind::tls, true, false, "settings",
       "!settings +connect -proxy -handshake -hello -service +local"},
      {transport_kind::tls, false, false, "resolve",
       "+settings !resolve -connect -handshake -hello -service +local"},
      {transport_kind::tcp, true, false, "connect",
       "+settings !connect -proxy -hello -service +local"},
      {transport_kind::noise, true, true, "proxy",
       "+settings +connect !proxy -handshake -hello -authenticate +local"},
      {transport_kind::noise, false, false, "handshake",
       "+settings +resolve +connect !handshake -hello -service +local"},
      {transport_kind::tcp, false, false, "hello",
       "+settings +resolve +connect !hello -service +local"},
      {transport_kind::tcp, false, false, "service",
       "+settings +resolve +connect +hello !service +local"},
      {transport_kind::tcp, false, false, "local",
       "+settings +resolve +connect +hello +service !local"},
  };
  for (const row& each : rows) {
    CAPTURE(each.expected);
    const diagnosis found =
        perform(plan_steps(client_of(each.kind, each.with_proxy), each.authenticate),
                [&each](const std::string& name) { return name == each.failing; });
    CHECK(summary(found) == each.expected);
    CHECK(found.passed() == (*each.failing == '\0'));
    for (const diagnosis_step& step : found.steps) {
      if (step.result != step_result::skipped) continue;
      CHECK(step.text == "not done, because `" + std::string(each.failing) + "` failed");
      CHECK(step.took == duration::zero());
    }
  }
}

TEST_CASE("diagnosis steps: a server binds in the order in which it would") {
  config::server settings;
  settings.bind_addr = address_list(std::vector<address>{{"::", 2333}, {"0.0.0.0", 2333}});
  settings.services.emplace_back().name = "web";
  settings.services.back().bind_addr = {"0.0.0.0", 80};
  const diagnosis found = perform(plan_steps(settings), [](const std::string&) { return false; });
  REQUIRE(found.steps.size() == 4);
  CHECK(found.steps[1].subject == "clients at 0.0.0.0:2333");
  CHECK(found.steps[2].subject == "clients at [::]:2333");
  CHECK(found.steps[3].subject == "visitors of web at 0.0.0.0:80");
  settings.services.push_back(settings.services.back());
  CHECK(perform(plan_steps(settings), [](const std::string&) { return true; }).steps.size() == 1);
}

TEST_CASE("diagnosis steps: only a name and a port may be those of a range") {
  for (const char* each : {"game:1", "game:65535", "a:b:80", "\"x\":80"}) {
    CAPTURE(each);
    CHECK(text::is_port_of_range(each));
  }
  for (const char* each :
       {"game", "game:", ":80", "game:0", "game:65536", "game:8000-8001", "80"}) {
    CAPTURE(each);
    CHECK_FALSE(text::is_port_of_range(each));
  }
}

TEST_CASE("diagnosis steps: failures name the cause and the key to check") {
  using enum client_step;
  const auto refused = std::make_error_code(std::errc::connection_refused);
  const config::client direct = client_of(config::transport_kind::tcp, false);
  const config::client proxied = client_of(config::transport_kind::tcp, true);
  config::client ranged = direct;
  ranged.services.front().name = "game:8003";
  struct row {
    const config::client& settings;
    client_action what;
    std::error_code error;
    std::string expected;
  };
  const row rows[] = {
      {direct, {resolve}, errc::host_not_found, "host not found; see `client.remote_addr`"},
      {proxied,
       {resolve},
       errc::host_not_found,
       "host not found; see `client.transport.tcp.proxy`"},
      {direct,
       {connect},
       refused,
       refused.message() + "; nothing listens there: start it, or correct `client.remote_addr`"},
      {proxied,
       {connect},
       proxy::unreachable(refused),
       "Failed to connect to the proxy 192.0.2.1:1080: " + refused.message() +
           "; see `client.transport.tcp.proxy`"},
      {direct,
       {service, 0},
       errc::service_not_exist,
       "Service not exist; the server has no `[server.services.web]`"},
      {direct,
       {authenticate, 0},
       errc::authentication_failed,
       "Incorrect token; `token` of `client.services.web`, or `client.default_token`, must be that "
       "of the server"},
      {direct,
       {local, 0},
       refused,
       refused.message() +
           "; nothing listens there: start it, or correct `client.services.web.local_addr`"},
      {ranged,
       {service, 0},
       errc::service_not_exist,
       "Service not exist; the server has no `[server.services.game]` with the port 8003, and no "
       "`[server.services.\"game:8003\"]`"},
      {ranged,
       {authenticate, 0},
       errc::authentication_failed,
       "Incorrect token; `token` of `client.services.game` or `client.services.\"game:8003\"`, or "
       "`client.default_token`, must be that of the server"},
      {ranged,
       {local, 0},
       refused,
       refused.message() +
           "; nothing listens there: start it, or correct `client.services.game.local_addr` or "
           "`client.services.\"game:8003\".local_addr`"},
      {direct,
       {multiplexing},
       errc::end_of_stream,
       "the server does not multiplex: it closed the connection, as versions without multiplexing "
       "do; the tunnel works, with a connection for each channel. Update the server, or remove "
       "`client.transport.multiplex`"},
  };
  for (const row& each : rows) {
    CHECK(to_string(explain(each.settings, each.what, each.error)) == each.expected);
  }
}

TEST_CASE("diagnosis steps: lines have columns, and are safe for a terminal") {
  diagnosis_step step;
  step.name = "connect";
  step.subject = "example.com:2333";
  step.text = "not done";
  CHECK(to_string(step) == "skipped            connect       example.com:2333: not done");
  step.result = step_result::ok;
  step.text = "connected";
  step.took = 12ms;
  CHECK(to_string(step) == "ok          12 ms  connect       example.com:2333: connected");
  step.result = step_result::failed;
  step.took = 12345ms;
  step.text = "a\x1b[2Jb\nc";
  step.remedy = "see the key";
  CHECK(to_string(step) ==
        "failed   12345 ms  connect       example.com:2333: a\\x1b[2Jb\\nc\n"
        "                   see the key");
  step.text.assign(5000, 'x');
  CHECK(to_string(step).size() < 1200);
  CHECK(to_string(diagnosis{{step, step}}) == to_string(step) + '\n' + to_string(step) + '\n');
}

}  // namespace
}  // namespace rathole::embed
