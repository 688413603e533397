#include <rathole/core/error.hpp>
#include <rathole/transport/failed_dials.hpp>
#include <rathole/transport/multiplexing_refusals.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <vector>

namespace rathole::transport {
namespace {

using namespace std::chrono_literals;
using report = multiplexing_refusals::report;

const time_point start{};
const address server{"server", 2333};
const address peer{"192.0.2.2", 2333};
const address other{"192.0.2.1", 2333};
const std::error_code closed = errc::end_of_stream;
const std::error_code silent = errc::timed_out;

/// What happens to a client, in the order of an attempt.
enum class step {
  closes,
  is_silent,
  dials_plain,
  fails_plain,
  answers,
  multiplexes,
  reload,
};

/// Applies `what` to the server, `after` the start.
std::optional<report> apply(multiplexing_refusals& to, step what, duration after) {
  const time_point now = start + after;
  switch (what) {
    case step::closes:
      to.plain_begun(server, now);
      to.plain_dialled(server, peer);
      return to.refused(server, peer, closed, now);
    case step::is_silent: return to.refused(server, peer, silent, now);
    case step::dials_plain:
      to.plain_begun(server, now);
      to.plain_dialled(server, peer);
      break;
    case step::fails_plain: to.plain_failed(server); break;
    case step::answers: return to.answered(peer, now);
    case step::multiplexes: to.accepted(server, peer); break;
    case step::reload: to.clear(); break;
  }
  return std::nullopt;
}

TEST_CASE("multiplexing_refusals: a server is asked until a refusal is believed") {
  struct event {
    duration at;
    step what;
    /// The pause that is reported; zero if nothing is.
    duration reported;
    /// Whether the server may be asked after it.
    bool may_ask;
  };
  struct row {
    const char* name;
    std::vector<event> events;
  };
  using enum step;
  const row rows[] = {
      {"a proxy whose server is down", {{0s, closes, 0s, true}, {1s, closes, 0s, true}}},
      {"the proxy's server comes back",
       {{0s, multiplexes, 0s, true}, {1s, closes, 0s, true}, {2s, multiplexes, 0s, true}}},
      {"a server that does not multiplex",
       {{0s, closes, 0s, true},
        {1s, answers, 10min, false},
        {10min, answers, 0s, false},
        {10min + 1s, closes, 0s, false},
        {30min, answers, 0s, false},
        {30min + 1s, answers, 0s, true}}},
      {"two that ask at once",
       {{0s, closes, 0s, true},
        {1s, answers, 10min, false},
        {2s, closes, 0s, false},
        {10min + 1s, reload, 0s, true}}},
      {"a mistake costs seconds",
       {{0s, multiplexes, 0s, true},
        {1s, closes, 0s, true},
        {1s, answers, 0s, true},
        {2s, closes, 10s, false},
        {12s, closes, 0s, false},
        {31s, answers, 0s, false},
        {32s, answers, 0s, true},
        {32s, multiplexes, 0s, true},
        {40s, closes, 0s, true},
        {40s, answers, 0s, true},
        {41s, closes, 10s, false}}},
      {"a server that has hung is asked once more",
       {{0s, multiplexes, 0s, true},
        {1s, is_silent, 0s, false},
        {2s, dials_plain, 0s, false},
        {3s, answers, 0s, true},
        {4s, multiplexes, 0s, true}}},
      {"known refusals need no confirmation after a reload",
       {{0s, closes, 0s, true},
        {1s, answers, 10min, false},
        {2s, reload, 0s, true},
        {3s, closes, 10min, false}}},
      {"silence is followed by an attempt without multiplexing",
       {{0s, is_silent, 0s, false},
        {1h, dials_plain, 0s, false},
        {1h + 1s, answers, 10min, false},
        {2h, is_silent, 0s, false}}},
      {"a server that hangs",
       {{0s, is_silent, 0s, false},
        {1min, dials_plain, 0s, false},
        {1min + 9s, dials_plain, 0s, false},
        {1min + 10s, dials_plain, 0s, true},
        {1min + 20s, is_silent, 0s, false},
        {2min, fails_plain, 0s, true},
        {3min, multiplexes, 0s, true}}},
      {"an answer that comes late",
       {{0s, is_silent, 0s, false},
        {1s, dials_plain, 0s, false},
        {12s, fails_plain, 0s, true},
        {13s, answers, 0s, true},
        {14s, closes, 10min, false}}},
  };
  for (const row& each : rows) {
    CAPTURE(each.name);
    multiplexing_refusals refusals;
    for (const event& now : each.events) {
      CAPTURE(now.at.count());
      const auto reported = apply(refusals, now.what, now.at);
      CHECK((reported ? reported->pause : 0s) == now.reported);
      if (reported) CHECK(reported->server == server);
      CHECK(refusals.may_ask(server, start + now.at) == now.may_ask);
      CHECK(refusals.may_ask(other, start + now.at));
    }
  }
}

TEST_CASE("multiplexing_refusals: the pauses double up to a day, and only the first is reported") {
  for (const bool is_lapse : {false, true}) {
    CAPTURE(is_lapse);
    multiplexing_refusals refusals;
    if (is_lapse) refusals.accepted(server, peer);
    CHECK(refusals.refused(server, peer, closed, start) == std::nullopt);
    duration pause = is_lapse ? first_lapse_pause : first_refusal_pause;
    auto reported = refusals.answered(peer, start);
    if (is_lapse) reported = refusals.refused(server, peer, closed, start);
    CHECK(reported == report{server, closed, pause});
    time_point now = start;
    for (int i = 0; i < 20; ++i) {
      CAPTURE(i);
      for (const address& each : {server, peer}) {
        CHECK_FALSE(refusals.may_ask(each, now + pause - 1ns));
        CHECK(refusals.may_ask(each, now + pause));
      }
      now += pause;
      pause = std::min<duration>(2 * pause, 24h);
      CHECK(refusals.refused(server, peer, closed, now) == std::nullopt);
    }
    CHECK(pause == 24h);
  }
}

TEST_CASE("multiplexing_refusals: the address of a server and its name are one server") {
  multiplexing_refusals refusals;
  refusals.refused(server, peer, closed, start);
  CHECK(refusals.may_ask(peer, start));
  CHECK(refusals.answered(other, start) == std::nullopt);
  CHECK(refusals.may_ask(server, start));
  CHECK(refusals.answered(peer, start) == report{server, closed, 10min});
  CHECK_FALSE(refusals.may_ask(server, start));
  CHECK_FALSE(refusals.may_ask(peer, start));
  // Data channels are dialled by the address.
  refusals.clear();
  CHECK(refusals.refused(peer, peer, closed, start) == report{peer, closed, 10min});
  CHECK_FALSE(refusals.may_ask(server, start));
  // The name leads to another address.
  refusals.clear();
  CHECK(refusals.refused(server, other, closed, start) == report{server, closed, 10min});
  CHECK_FALSE(refusals.may_ask(other, start));
}

TEST_CASE("multiplexing_refusals: a bounded number of servers is remembered, the latest") {
  multiplexing_refusals refusals;
  const auto number = [](std::size_t i) {
    return address{"server", static_cast<std::uint16_t>(i + 1)};
  };
  for (std::size_t i = 0; i < max_remembered_refusals; ++i) {
    refusals.refused(number(i), number(i), closed, start);
    refusals.answered(number(i), start);
  }
  CHECK_FALSE(refusals.may_ask(number(0), start + 1min));
  SUBCASE("a refusal") {
    refusals.refused(other, other, closed, start + 2min);
    refusals.answered(other, start + 2min);
    CHECK_FALSE(refusals.may_ask(other, start + 2min));
  }
  SUBCASE("an answer without one") { refusals.answered(other, start + 2min); }
  SUBCASE("a server that multiplexes") { refusals.accepted(other, other); }
  CHECK(refusals.size() == max_remembered_refusals);
  CHECK(refusals.may_ask(number(0), start + 2min));
  CHECK_FALSE(refusals.may_ask(number(1), start + 2min));
}

TEST_CASE("failed_dials: a connection is added after a pause, and the cause is known for a while") {
  failed_dials dials;
  CHECK(dials.may_dial(server, extra_connection_pause, start));
  CHECK(dials.why(server, start) == std::nullopt);
  dials.failed(server, silent, start);
  dials.failed(server, closed, start + 1s);
  const time_point again = start + 1s + needed_connection_pause;
  CHECK_FALSE(dials.may_dial(server, needed_connection_pause, again - 1ns));
  CHECK(dials.may_dial(server, needed_connection_pause, again));
  CHECK(dials.why(server, again) == closed);
  CHECK_FALSE(dials.may_dial(server, extra_connection_pause, start + 11s - 1ns));
  CHECK(dials.may_dial(server, extra_connection_pause, start + 11s));
  CHECK(dials.why(server, start + 11s) == std::nullopt);
  CHECK(dials.may_dial(other, extra_connection_pause, again));
  dials.succeeded(server);
  CHECK(dials.may_dial(server, needed_connection_pause, start + 1s));
  CHECK(dials.why(server, start + 1s) == std::nullopt);
}

}  // namespace
}  // namespace rathole::transport
