#include <rathole/client/service_retry.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using client_side::finish;
using client_side::report_failure;
using client_side::retry_action;
using client_side::service_retry;
using client_side::start_attempt;

constexpr time_point start{1h};
using actions = std::vector<retry_action>;

/// Draws the middle of each range, so that no pause is randomized.
struct middle {
  void fill(byte_span out) const {
    for (auto& byte : out) byte = 0;
    if (!out.empty()) out.front() = 0x80;
  }
};
middle draw;

/// Polls until nothing is left to do.
actions drain(service_retry& retry, time_point now) {
  actions out;
  while (auto action = retry.poll(now)) out.push_back(*action);
  return out;
}

const std::error_code refused = std::make_error_code(std::errc::connection_refused);

/// One attempt that starts at `at` and ends for `reason` after `lasted`.
report_failure attempt(service_retry& retry, time_point at, duration lasted, std::error_code reason,
                       bool was_established = false) {
  CHECK(drain(retry, at) == actions{start_attempt{}});
  CHECK_FALSE(retry.deadline());
  retry.attempt_ended(at + lasted, reason, was_established, draw);
  const auto out = drain(retry, at + lasted);
  REQUIRE(out.size() == 1);
  REQUIRE(std::holds_alternative<report_failure>(out.front()));
  const auto failure = std::get<report_failure>(out.front());
  CHECK(retry.deadline() == at + lasted + failure.pause);
  CHECK(failure.reason == reason);
  CHECK(failure.was_established == was_established);
  return failure;
}

TEST_CASE("service_retry: the first attempt starts at once") {
  service_retry retry(1s);
  CHECK(retry.deadline() <= start);
  CHECK(drain(retry, start) == actions{start_attempt{}});
  CHECK(drain(retry, start + 1h).empty());
}

TEST_CASE("service_retry: pauses grow to retry_interval and start over after a stable attempt") {
  service_retry retry(4s);
  time_point now = start;
  for (const auto pause : {500ms, 1500ms, 4000ms, 4000ms}) {
    CHECK(attempt(retry, now, 1s, refused).pause == pause);
    now += 1s;
    CHECK(drain(retry, now + pause - 1ns).empty());
    now += pause;
  }
  CHECK(attempt(retry, now, 3s + 1ns, refused).pause == 500ms);
}

struct pause_row {
  const char* what;
  std::error_code reason;
  duration lasted;
  bool was_established;
  duration third_pause;
};

TEST_CASE("service_retry: how long the third pause in a row is, by the reason of the failures") {
  const std::vector<pause_row> rows{
      {"dials that fail at once", refused, 0s, false, 2s},
      {"dials that fail late", refused, 10s, false, 500ms},
      {"an unknown service", errc::service_not_exist, 0s, false, 2s},
      {"an unknown service, late", errc::service_not_exist, 10s, false, 2s},
      {"a wrong token", errc::authentication_failed, 10s, false, 2s},
      {"a service that takes no more clients", errc::service_in_use, 10s, false, 2s},
      {"heartbeats that stop", errc::heartbeat_timed_out, 40s, true, 100ms},
      {"resets of young channels", std::make_error_code(std::errc::connection_reset), 1s, true, 2s},
      {"channels that lasted", errc::end_of_stream, 1h, true, 500ms},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    service_retry retry(2s);
    time_point now = start;
    duration pause{};
    for (int i = 0; i < 3; ++i) {
      pause = attempt(retry, now, row.lasted, row.reason, row.was_established).pause;
      now += row.lasted + pause;
    }
    CHECK(pause == row.third_pause);
  }
}

TEST_CASE("service_retry: the fifth channel in a row that is cut short is displaced") {
  service_retry retry(1s);
  time_point now = start;
  for (int i = 0; i < 4; ++i) {
    CHECK_FALSE(attempt(retry, now, 100ms, errc::end_of_stream, true).is_displaced);
    now += 2s;
  }
  for (const auto pause : {1s, 2s, 4s, 8s, 10s, 10s}) {
    const auto failure = attempt(retry, now, 100ms, errc::end_of_stream, true);
    CHECK(failure.is_displaced);
    CHECK(failure.pause == pause);
    now += 100ms + pause;
  }
  SUBCASE("an attempt that the server did not accept ends the suspicion") {
    CHECK_FALSE(attempt(retry, now, 0s, refused).is_displaced);
  }
  SUBCASE("a channel that lasted ends the suspicion") {
    CHECK_FALSE(attempt(retry, now, 1h, errc::end_of_stream, true).is_displaced);
  }
  SUBCASE("new settings end the suspicion") { retry.retry_now(); }
  CHECK_FALSE(attempt(retry, now + 2h, 100ms, errc::end_of_stream, true).is_displaced);
}

TEST_CASE("service_retry: retry_now ends a pause, and forgets why there was one") {
  service_retry retry(4s);
  attempt(retry, start, 0s, refused);
  attempt(retry, start + 1s, 0s, refused);
  CHECK(drain(retry, start + 1s).empty());
  retry.retry_now();
  CHECK(retry.deadline() <= start + 1s);
  CHECK(attempt(retry, start + 1s, 0s, refused).pause == 500ms);
}

TEST_CASE("service_retry: retry_now in an attempt leaves it alone, and spares the pause after it") {
  for (const bool was_established : {false, true}) {
    CAPTURE(was_established);
    service_retry retry(4s);
    attempt(retry, start, 0s, refused);
    CHECK(drain(retry, start + 1s) == actions{start_attempt{}});
    retry.retry_now();
    retry.retry_now();
    CHECK_FALSE(retry.is_attempt_unwanted());
    CHECK_FALSE(retry.deadline());
    CHECK(drain(retry, start + 1s).empty());
    retry.attempt_ended(start + 2s, refused, was_established, draw);
    if (was_established) {
      // The server knew the settings of this attempt.
      CHECK(drain(retry, start + 2s) == actions{report_failure{refused, 500ms, true, false}});
    } else {
      CHECK(drain(retry, start + 2s) ==
            actions{report_failure{refused, 0s, false, false}, start_attempt{}});
      // This spares one pause only, and the pauses grow from the shortest again.
      retry.attempt_ended(start + 3s, refused, false, draw);
      CHECK(drain(retry, start + 3s) == actions{report_failure{refused, 500ms, false, false}});
    }
  }
}

TEST_CASE("service_retry: reconnect after retry_now replaces the attempt, and is not undone") {
  service_retry retry(1s);
  drain(retry, start);
  retry.retry_now();
  retry.reconnect();
  retry.retry_now();
  CHECK(retry.is_attempt_unwanted());
  retry.attempt_ended(start + 1s, errc::stopped, true, draw);
  CHECK(drain(retry, start + 1s) ==
        actions{report_failure{errc::stopped, 0s, true, false}, start_attempt{}});
}

TEST_CASE("service_retry: reconnect replaces an attempt without a pause") {
  service_retry retry(1s);
  drain(retry, start);
  retry.reconnect();
  CHECK(retry.is_attempt_unwanted());
  CHECK(drain(retry, start).empty());
  retry.attempt_ended(start + 1s, errc::stopped, true, draw);
  CHECK(drain(retry, start + 1s) ==
        actions{report_failure{errc::stopped, 0s, true, false}, start_attempt{}});
  CHECK_FALSE(retry.is_attempt_unwanted());
}

TEST_CASE("service_retry: reconnect during a pause ends the pause") {
  service_retry retry(1s);
  attempt(retry, start, 0s, refused);
  retry.reconnect();
  CHECK_FALSE(retry.is_attempt_unwanted());
  CHECK(drain(retry, start) == actions{start_attempt{}});
}

TEST_CASE("service_retry: stop finishes at once during a pause, else with the attempt") {
  SUBCASE("before the first attempt") {
    service_retry retry(1s);
    retry.stop();
    CHECK(drain(retry, start) == actions{finish{false}});
  }
  SUBCASE("during a pause") {
    service_retry retry(1s);
    attempt(retry, start, 1h, errc::end_of_stream, true);
    retry.stop();
    CHECK(drain(retry, start + 1h) == actions{finish{false}});
  }
  for (const bool was_established : {false, true}) {
    CAPTURE(was_established);
    service_retry retry(1s);
    drain(retry, start);
    retry.stop();
    CHECK(retry.is_attempt_unwanted());
    CHECK(drain(retry, start).empty());
    retry.attempt_ended(start + 1s, errc::stopped, was_established, draw);
    CHECK(drain(retry, start + 1s) == actions{finish{was_established}});
    CHECK_FALSE(retry.deadline());
  }
}

TEST_CASE("service_retry: nothing follows the finish") {
  service_retry retry(1s);
  retry.stop();
  drain(retry, start);
  retry.stop();
  retry.retry_now();
  retry.reconnect();
  retry.out_of_memory(start, 100ms);
  CHECK(drain(retry, start + 1h).empty());
  CHECK_FALSE(retry.deadline());
  CHECK_FALSE(retry.is_attempt_unwanted());
}

TEST_CASE("service_retry: stop wins over reconnect") {
  service_retry retry(1s);
  drain(retry, start);
  retry.stop();
  retry.reconnect();
  retry.attempt_ended(start, errc::stopped, true, draw);
  CHECK(drain(retry, start) == actions{finish{true}});
}

TEST_CASE("service_retry: after a lack of memory an attempt follows a pause, without a report") {
  service_retry retry(1h);
  SUBCASE("in an attempt") { drain(retry, start); }
  SUBCASE("in an attempt that was to be repeated") {
    drain(retry, start);
    retry.reconnect();
  }
  SUBCASE("in a pause") { attempt(retry, start, 0s, refused); }
  retry.out_of_memory(start, 100ms);
  CHECK_FALSE(retry.is_attempt_unwanted());
  CHECK(retry.deadline() == start + 100ms);
  CHECK(drain(retry, start + 99ms).empty());
  CHECK(drain(retry, start + 100ms) == actions{start_attempt{}});
  retry.stop();
  retry.out_of_memory(start, 100ms);
  CHECK(drain(retry, start + 1h) == actions{finish{false}});
}

TEST_CASE("service_retry: a new retry_interval bounds the next pause") {
  service_retry retry(1h);
  attempt(retry, start, 0s, refused);
  retry.set_retry_interval(0s);
  CHECK(attempt(retry, start + 1h, 0s, refused).pause == 500ms);
  CHECK(attempt(retry, start + 2h, 0s, refused).pause == 100ms);
}

TEST_CASE(
    "service_retry: it gives up after so many retries in a row, until it learns of a change") {
  service_retry retry(1s);
  retry.set_max_retries(2);
  time_point now = start;
  for (int i = 0; i < 2; ++i) {
    const report_failure failed = attempt(retry, now, 1s, refused);
    CHECK_FALSE(failed.gives_up);
    now += 1s + failed.pause;
  }
  const auto fail = [&] {
    CHECK(drain(retry, now) == actions{start_attempt{}});
    retry.attempt_ended(now, refused, false, draw);
    return drain(retry, now);
  };
  CHECK(fail() == actions{report_failure{.reason = refused, .gives_up = true}});
  CHECK(retry.has_given_up());
  CHECK_FALSE(retry.deadline());
  CHECK(drain(retry, now + 1000h).empty());
  retry.retry_now();
  CHECK_FALSE(retry.has_given_up());
  CHECK(retry.deadline() <= now);
  const report_failure failed = attempt(retry, now, 1s, refused);
  CHECK_FALSE(failed.gives_up);
  now += 1s + failed.pause;
  retry.set_max_retries(0);
  CHECK(fail() == actions{report_failure{.reason = refused, .gives_up = true}});
  retry.stop();
  CHECK(drain(retry, now) == actions{finish{}});
}

TEST_CASE("service_retry: an attempt that the server accepted begins a new row of retries") {
  service_retry retry(1s);
  retry.set_max_retries(1);
  time_point now = start;
  for (int i = 0; i < 5; ++i) {
    report_failure failed = attempt(retry, now, 1s, refused);
    CHECK_FALSE(failed.gives_up);
    now += 1s + failed.pause;
    failed = attempt(retry, now, 10s, refused, true);
    CHECK_FALSE(failed.gives_up);
    now += 10s + failed.pause;
  }
}

/// One attempt that starts at `at`, fails at once, and is followed by one of `others` other servers.
duration pause_before_another(service_retry& retry, time_point at, std::size_t others) {
  REQUIRE(drain(retry, at) == actions{start_attempt{}});
  retry.attempt_ended(at, refused, false, draw, others);
  const auto out = drain(retry, at);
  REQUIRE(!out.empty());
  return std::get<report_failure>(out.front()).pause;
}

TEST_CASE("service_retry: each of several servers is tried without a pause, once") {
  service_retry retry(4s);
  time_point now = start;
  for (const auto pause : {500ms, 1500ms, 4000ms}) {
    for (int i = 0; i < 2; ++i) {
      REQUIRE(retry.deadline() <= now);
      retry.poll(now);
      retry.attempt_ended(now, refused, false, draw, 2);
      CHECK(std::get<report_failure>(*retry.poll(now)).pause == 0s);
    }
    CHECK(pause_before_another(retry, now, 2) == pause);
    now += pause;
  }
}

TEST_CASE("service_retry: a round of all servers is one retry") {
  service_retry retry(1s);
  retry.set_max_retries(1);
  time_point now = start;
  for (int round = 0; round < 2; ++round) {
    CHECK_FALSE(retry.has_given_up());
    retry.poll(now);
    retry.attempt_ended(now, refused, false, draw, 1);
    CHECK(std::get<report_failure>(*retry.poll(now)).pause == 0s);
    retry.poll(now);
    retry.attempt_ended(now, refused, false, draw, 1);
    const auto failed = std::get<report_failure>(*retry.poll(now));
    CHECK(failed.gives_up == (round == 1));
    now += failed.pause;
  }
  CHECK(retry.has_given_up());
}

}  // namespace
}  // namespace rathole::test
