#include <rathole/app/lifecycle.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <system_error>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using app::lifecycle;
using app::lifecycle_action;
using app::readiness;
using kind = app::lifecycle_action::kind;
using actions = std::vector<lifecycle_action>;

constexpr time_point start{1h};
constexpr readiness server{.on_start = true, .timeout = 60s};
constexpr readiness client{.on_start = false, .timeout = 10s};
const std::error_code in_use = std::make_error_code(std::errc::address_in_use);

actions drain(lifecycle& of, time_point now = start) {
  actions out;
  while (const auto action = of.poll(now)) out.push_back(*action);
  return out;
}

/// A server that listens and is ready.
lifecycle running_server() {
  lifecycle out(server);
  out.started(start);
  CHECK(drain(out) == actions{{kind::watch_file}, {kind::notify_ready}});
  return out;
}

TEST_CASE("lifecycle: a server is ready once it listens, and warns later of unserved services") {
  lifecycle program = running_server();
  program.all_served();
  CHECK(drain(program).empty());
  CHECK(program.deadline() == start + 60s);
  CHECK(drain(program, start + 60s - 1ns).empty());
  CHECK(drain(program, start + 60s) == actions{{kind::warn_unserved}});
  CHECK_FALSE(program.deadline());
  CHECK(drain(program, start + 1h).empty());
}

TEST_CASE("lifecycle: a change of a server's settings does not put off that warning") {
  lifecycle program = running_server();
  program.change_found();
  program.change_done({});
  drain(program);
  CHECK(drain(program, start + 60s) == actions{{kind::warn_unserved}});
}

TEST_CASE("lifecycle: a server that stops does not warn") {
  lifecycle program = running_server();
  program.stop_requested(start + 5s);
  drain(program);
  CHECK(drain(program, start + 60s) == actions{{kind::abort_draining}});
}

TEST_CASE("lifecycle: a client is ready when all services are served, or after a while") {
  lifecycle program(client);
  program.all_served();
  program.started(start);
  CHECK(drain(program) == actions{{kind::watch_file}});
  CHECK(program.deadline() == start + 10s);
  SUBCASE("all served") {
    program.all_served();
    CHECK(drain(program) == actions{{kind::notify_ready}});
  }
  SUBCASE("after a while") {
    CHECK(drain(program, start + 10s - 1ns).empty());
    CHECK(drain(program, start + 10s) == actions{{kind::notify_ready}});
  }
  CHECK_FALSE(program.deadline());
  CHECK(drain(program, start + 1h).empty());
}

TEST_CASE("lifecycle: a program that cannot start ends with the error") {
  lifecycle program(server);
  program.ended(in_use);
  CHECK(drain(program) == actions{{kind::exit, in_use}});
}

TEST_CASE("lifecycle: a program that is stopped before it has started ends without an error") {
  lifecycle program(server);
  program.reload_requested();
  program.stop_requested(start + 1s);
  program.started(start);
  CHECK(drain(program) == actions{{kind::notify_stopping}, {kind::stop_instances}});
  program.ended(in_use);
  CHECK(drain(program) == actions{{kind::exit}});
}

TEST_CASE("lifecycle: a change is applied, and the service manager follows it") {
  for (const std::error_code result : {std::error_code(), in_use}) {
    lifecycle program = running_server();
    program.reload_requested();
    CHECK(drain(program) == actions{{kind::read_file}});
    program.change_found();
    CHECK(drain(program) == actions{{kind::notify_reloading}, {kind::apply_settings}});
    program.change_done(result);
    const auto settings = result ? kind::reject_settings : kind::accept_settings;
    CHECK(drain(program) == actions{{settings, result}, {kind::notify_ready}});
  }
}

TEST_CASE("lifecycle: a change before the program is ready is not notified") {
  lifecycle program(client);
  program.started(start);
  program.change_found();
  program.change_done({});
  CHECK(drain(program) ==
        actions{{kind::watch_file}, {kind::apply_settings}, {kind::accept_settings}});
}

TEST_CASE("lifecycle: changes during a change are read once, after it") {
  lifecycle program = running_server();
  program.change_found();
  drain(program);
  for (int i = 0; i < 3; ++i) program.reload_requested();
  program.change_found();
  CHECK(drain(program).empty());
  program.change_done({});
  CHECK(drain(program) ==
        actions{{kind::accept_settings}, {kind::notify_ready}, {kind::read_file}});
}

TEST_CASE("lifecycle: a change that failed does not prevent the next one") {
  lifecycle program = running_server();
  program.change_found();
  drain(program);
  program.change_done(in_use);
  CHECK(drain(program) == actions{{kind::reject_settings, in_use}, {kind::notify_ready}});
  program.change_found();
  CHECK(drain(program) == actions{{kind::notify_reloading}, {kind::apply_settings}});
}

TEST_CASE("lifecycle: the program ends when no instance is left, without an error once started") {
  for (const std::error_code result : {std::error_code(), in_use}) {
    lifecycle program = running_server();
    program.stop_requested(start + 5s);
    CHECK(drain(program) == actions{{kind::notify_stopping}, {kind::stop_instances}});
    CHECK(program.deadline() == start + 5s);
    CHECK(drain(program, start + 5s) == actions{{kind::abort_draining}});
    program.ended(result);
    CHECK(drain(program) == actions{{kind::exit}});
    CHECK_FALSE(program.deadline());
  }
}

TEST_CASE("lifecycle: nothing is applied once the program stops") {
  lifecycle program = running_server();
  program.change_found();
  program.reload_requested();
  drain(program);
  program.stop_requested(start + 5s);
  program.stop_requested(start + 6s);
  CHECK(drain(program) == actions{{kind::notify_stopping}, {kind::stop_instances}});
  program.change_done(in_use);
  program.reload_requested();
  program.change_found();
  program.all_served();
  CHECK(drain(program).empty());
}

TEST_CASE("lifecycle: stopping before a client is ready ends the wait for that") {
  lifecycle program(client);
  program.started(start);
  program.stop_requested(start + 1s);
  drain(program);
  CHECK(drain(program, start + 10s) == actions{{kind::abort_draining}});
  CHECK_FALSE(program.deadline());
}

}  // namespace
}  // namespace rathole::test
