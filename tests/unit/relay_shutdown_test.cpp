#include <rathole/io/relay/idle_meter.hpp>
#include <rathole/io/relay/shutdown.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <system_error>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using io::abort_both;
using io::close_both;
using io::end_sending;
using io::idle_meter;
using io::relay_action;
using io::relay_limits;
using io::relay_shutdown;
using io::relay_traffic;
using io::watch_idle;
using enum io::relay_stream;

using actions = std::vector<relay_action>;
using event = void (*)(relay_shutdown&);

const std::error_code reset = std::make_error_code(std::errc::connection_reset);
const std::error_code no_memory = std::make_error_code(std::errc::not_enough_memory);
const std::error_code stopped = errc::stopped;
const std::error_code timed_out = errc::timed_out;

constexpr event start = [](relay_shutdown& of) { of.start(); };
constexpr event first_ended = [](relay_shutdown& of) { of.source_ended(first); };
constexpr event second_ended = [](relay_shutdown& of) { of.source_ended(second); };
constexpr event all_to_first = [](relay_shutdown& of) { of.all_written(first); };
constexpr event all_to_second = [](relay_shutdown& of) { of.all_written(second); };
constexpr event ended_first = [](relay_shutdown& of) { of.sending_ended(first); };
constexpr event ended_second = [](relay_shutdown& of) { of.sending_ended(second); };
constexpr event first_broke = [](relay_shutdown& of) { of.broke(first, reset); };
constexpr event second_broke = [](relay_shutdown& of) { of.broke(second, reset); };
constexpr event memory_ran_out = [](relay_shutdown& of) { of.fail(no_memory); };
constexpr event stop = [](relay_shutdown& of) { of.stop(); };
constexpr event drain = [](relay_shutdown& of) { of.drain(2s); };
constexpr event was_idle = [](relay_shutdown& of) { of.was_idle(); };

/// Polls until nothing is left to do.
void poll_all(relay_shutdown& of, actions& out) {
  while (const auto action = of.poll()) out.push_back(*action);
}

struct row {
  const char* what;
  std::vector<event> events;
  actions expected;
};

/// Checks that a relay with `limits` does what each row says, and nothing after its end.
void check(const relay_limits& limits, const std::vector<row>& rows) {
  for (const row& each : rows) {
    CAPTURE(each.what);
    relay_shutdown relay(limits);
    actions done;
    for (const event happens : each.events) {
      happens(relay);
      poll_all(relay, done);
    }
    CHECK(done == each.expected);
    const bool is_over = !done.empty() && (std::holds_alternative<close_both>(done.back()) ||
                                           std::holds_alternative<abort_both>(done.back()));
    CHECK(relay.is_over() == is_over);
    if (!is_over) continue;
    for (const event late : {start, first_ended, second_ended, all_to_first, all_to_second,
                             ended_first, ended_second, first_broke, stop, drain, was_idle}) {
      late(relay);
      CHECK_FALSE(relay.poll());
    }
  }
}

TEST_CASE("relay_shutdown: an end is passed on once all bytes before it were written") {
  check(
      {},
      {
          {"nothing happens", {start}, {}},
          {"bytes are written before any end", {start, all_to_first, all_to_second}, {}},
          {"bytes wait to be written", {start, first_ended}, {}},
          {"the bytes of the other direction are written", {start, first_ended, all_to_first}, {}},
          {"the first ends", {start, first_ended, all_to_second}, {end_sending{second, false}}},
          {"the second ends", {start, second_ended, all_to_first}, {end_sending{first, false}}},
          {"it is reported repeatedly",
           {start, first_ended, first_ended, all_to_second, first_ended, all_to_second},
           {end_sending{second, false}}},
          {"the other direction continues",
           {start, first_ended, all_to_second, ended_second, all_to_first, all_to_second},
           {end_sending{second, false}}},
      });
}

TEST_CASE("relay_shutdown: both streams are closed once both directions have ended") {
  check({}, {
                {"one after the other",
                 {start, first_ended, all_to_second, ended_second, second_ended, all_to_first,
                  ended_first},
                 {end_sending{second, false}, end_sending{first, true}, close_both{}}},
                {"the other way around",
                 {start, second_ended, all_to_first, ended_first, first_ended, all_to_second,
                  ended_second},
                 {end_sending{first, false}, end_sending{second, true}, close_both{}}},
                {"at the same time",
                 {start, first_ended, second_ended, all_to_second, all_to_first, ended_second,
                  ended_first},
                 {end_sending{second, false}, end_sending{first, false}, close_both{}}},
                {"passing an end on takes long",
                 {start, first_ended, all_to_second, second_ended, all_to_first, ended_first},
                 {end_sending{second, false}, end_sending{first, false}}},
            });
}

TEST_CASE("relay_shutdown: a stream that takes no more bytes has nothing to pass on to it") {
  // The close_notify of TLS 1.2 ends both directions (RFC 5246 section 7.2.1).
  check({}, {
                {"before the other one ends",
                 {start, second_ended, ended_second, all_to_first, ended_first},
                 {end_sending{first, true}, close_both{}}},
                {"while bytes wait",
                 {start, first_ended, ended_second, all_to_second, second_ended, all_to_first,
                  ended_first},
                 {end_sending{first, true}, close_both{}}},
            });
}

TEST_CASE("relay_shutdown: whatever breaks aborts both streams, and the first cause counts") {
  check(
      {},
      {
          {"the first", {start, first_broke}, {abort_both{reset, true}}},
          {"the second", {start, second_broke}, {abort_both{reset, false}}},
          {"memory", {start, memory_ran_out}, {abort_both{no_memory, false}}},
          {"a stop", {start, stop}, {abort_both{stopped, false}}},
          {"a stop before the start", {stop, start}, {abort_both{stopped, false}}},
          {"the other stream, too", {start, second_broke, first_broke}, {abort_both{reset, false}}},
          {"while bytes wait",
           {start, first_ended, second_broke, all_to_second},
           {abort_both{reset, false}}},
          {"after one direction has ended",
           {start, first_ended, all_to_second, ended_second, first_broke},
           {end_sending{second, false}, abort_both{reset, true}}},
          {"while the last end is passed on",
           {start, first_ended, all_to_second, ended_second, second_ended, all_to_first, stop},
           {end_sending{second, false}, end_sending{first, true}, abort_both{stopped, false}}},
      });
}

TEST_CASE("relay_shutdown: what was not polled yet does not follow an abort") {
  relay_shutdown relay({1h, 1h});
  relay.start();
  relay.source_ended(first);
  relay.all_written(second);
  relay.broke(first, reset);
  actions done;
  poll_all(relay, done);
  CHECK(done == actions{abort_both{reset, true}});
}

TEST_CASE("relay_shutdown: without limits a relay may be idle") {
  check({}, {
                {"in both directions", {start}, {}},
                {"in one", {start, first_ended}, {}},
                {"unless it drains",
                 {start, drain, was_idle},
                 {watch_idle{2s, true}, abort_both{stopped}}},
            });
}

TEST_CASE("relay_shutdown: the idle limit applies from the start") {
  check({60s, 0s},
        {
            {"and is exceeded", {start, was_idle}, {watch_idle{60s}, abort_both{timed_out}}},
            {"and again from the first end",
             {start, first_ended},
             {watch_idle{60s}, watch_idle{60s}}},
            {"and ends with the relay",
             {start, first_ended, all_to_second, ended_second, second_ended, all_to_first,
              ended_first, was_idle},
             {watch_idle{60s}, watch_idle{60s}, end_sending{second, false},
              end_sending{first, true}, close_both{}}},
        });
}

TEST_CASE("relay_shutdown: the half-close limit applies from the first end, delivered or not") {
  const std::vector<row> rows{
      {"while bytes wait", {start, first_ended}, {watch_idle{600s}}},
      {"whichever ends", {start, second_ended}, {watch_idle{600s}}},
      {"not from the second end", {start, second_ended, first_ended}, {watch_idle{600s}}},
      {"and is exceeded",
       {start, first_ended, all_to_second, ended_second, was_idle},
       {watch_idle{600s}, end_sending{second, false}, abort_both{timed_out}}},
  };
  check({0s, 600s}, rows);
  struct example {
    relay_limits limits;
    actions expected;
  };
  for (const auto& [limits, expected] :
       {example{{100s, 600s}, {watch_idle{100s}, watch_idle{100s}}},
        example{{600s, 100s}, {watch_idle{600s}, watch_idle{100s}}},
        example{{100s, 0s}, {watch_idle{100s}, watch_idle{100s}}}}) {
    check(limits, {{"the shorter one counts", {start, first_ended}, expected}});
  }
}

TEST_CASE("relay_shutdown: a draining relay is stopped once it is idle and has delivered all") {
  check({60s, 1s},
        {
            {"it is idle",
             {start, drain, was_idle},
             {watch_idle{60s}, watch_idle{2s, true}, abort_both{stopped}}},
            {"a shorter limit still counts",
             {start, drain, second_ended, was_idle},
             {watch_idle{60s}, watch_idle{2s, true}, watch_idle{1s, true}, abort_both{stopped}}},
            {"it ends in order meanwhile",
             {start, drain, first_ended, all_to_second, ended_second, second_ended, all_to_first,
              ended_first},
             {watch_idle{60s}, watch_idle{2s, true}, watch_idle{1s, true},
              end_sending{second, false}, end_sending{first, true}, close_both{}}},
        });
  relay_shutdown relay({});
  relay.start();
  relay.drain(0s);
  CHECK_FALSE(relay.poll());
}

TEST_CASE("idle_meter: bytes that were only taken in, not delivered, do not count as traffic") {
  const relay_traffic before{100, 50};
  CHECK_FALSE(relay_traffic{100, 50}.differs(before));
  CHECK_FALSE(relay_traffic{100, 51}.differs(before));
  CHECK(relay_traffic{100, 49}.differs(before));
  CHECK(relay_traffic{101, 51}.differs(before));
}

TEST_CASE("idle_meter: the limit is four samples in a row without traffic") {
  idle_meter meter;
  meter.restart(60s, false, {100, 50});
  CHECK(meter.step() == 15s);
  for (int i = 0; i < 3; ++i) CHECK_FALSE(meter.sample({100, 50}));
  SUBCASE("which have passed") { CHECK(meter.sample({100, 50})); }
  SUBCASE("which traffic interrupts") {
    CHECK_FALSE(meter.sample({101, 50}));
    for (int i = 0; i < 3; ++i) CHECK_FALSE(meter.sample({101, 50}));
    CHECK(meter.sample({101, 50}));
  }
  SUBCASE("which a restart interrupts") {
    meter.restart(8s, false, {100, 50});
    CHECK(meter.step() == 2s);
    for (int i = 0; i < 3; ++i) CHECK_FALSE(meter.sample({100, 50}));
    CHECK(meter.sample({100, 50}));
  }
}

TEST_CASE("idle_meter: bytes that wait to be delivered count if everything must be delivered") {
  idle_meter meter;
  meter.restart(4s, true, {100, 50});
  for (int i = 0; i < 10; ++i) CHECK_FALSE(meter.sample({100, 50}));
  CHECK_FALSE(meter.sample({100, 0}));
  for (int i = 0; i < 3; ++i) CHECK_FALSE(meter.sample({100, 0}));
  CHECK(meter.sample({100, 0}));
}

}  // namespace
}  // namespace rathole::test
