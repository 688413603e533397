#include <rathole/client/target_choice.hpp>
#include <rathole/core/machine.hpp>
#include <rathole/http/status_error.hpp>
#include <rathole/http/status_query.hpp>

#include "../support/bytes.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::test {
namespace {

using client_side::target_choice;
using config::health_check;
using config::local_strategy;
using std::chrono::milliseconds;
using std::chrono::seconds;

static_assert(Machine<http::status_query>);

const address a{"a", 80};
const address b{"b", 80};
const address c{"c", 80};
const address_list abc{std::vector<address>{a, b, c}};
constexpr time_point start{std::chrono::hours(1)};

/// Returns the hosts in the order of the next visitor.
std::string next(target_choice& of, time_point now = start) {
  std::string out;
  for (const address& each : of.order(now)) out += each.host;
  return out;
}

TEST_CASE("target choice: in turn, or the first one that works") {
  target_choice turns(abc, local_strategy::round_robin);
  CHECK(next(turns) == "abc");
  CHECK(next(turns) == "bca");
  CHECK(next(turns) == "cab");
  CHECK(next(turns) == "abc");
  target_choice first(abc, local_strategy::failover);
  CHECK(next(first) == "abc");
  CHECK(next(first) == "abc");
}

TEST_CASE("target choice: one that fails is skipped, for longer each time") {
  target_choice of(abc, local_strategy::failover);
  CHECK(of.failed(a, start));
  CHECK(next(of) == "bca");
  // Visitors who fail at the same time count once, and one that succeeds changes nothing so soon.
  CHECK_FALSE(of.failed(a, start));
  CHECK(of.connected(a, start).empty());
  CHECK(next(of, start + milliseconds(999)) == "bca");
  CHECK(next(of, start + seconds(1)) == "abc");
  time_point now = start + seconds(1);
  for (const int skip : {2, 4, 8, 16, 30, 30}) {
    CHECK_FALSE(of.failed(a, now));
    CHECK(next(of, now + seconds(skip) - milliseconds(1)) == "bca");
    now += seconds(skip);
    CHECK(next(of, now) == "abc");
  }
  CHECK(of.connected(a, now) == std::vector<address>{a});
  CHECK(of.connected(a, now).empty());
  CHECK(of.failed(a, now));
  CHECK(next(of, now + seconds(1)) == "abc");
}

TEST_CASE("target choice: those that are down share no visitors, and are tried last") {
  target_choice of(abc, local_strategy::round_robin);
  of.failed(b, start);
  std::map<char, int> visitors;
  for (int i = 0; i < 100; ++i) ++visitors[next(of).front()];
  CHECK(visitors == std::map<char, int>{{'a', 50}, {'c', 50}});
  CHECK(next(of).back() == 'b');
  of.failed(a, start);
  of.failed(c, start);
  CHECK(next(of) == "abc");
}

TEST_CASE("target choice: health checks change the state after so many results in a row") {
  target_choice of(abc, local_strategy::failover);
  const health_check by{.fall = 3, .rise = 2};
  CHECK_FALSE(of.check_failed(a, by));
  CHECK_FALSE(of.check_failed(a, by));
  CHECK_FALSE(of.check_passed(a, by));
  CHECK_FALSE(of.check_failed(a, by));
  CHECK_FALSE(of.check_failed(a, by));
  CHECK(next(of) == "abc");
  CHECK(of.check_failed(a, by));
  CHECK_FALSE(of.check_failed(a, by));
  CHECK(next(of, start + std::chrono::hours(1)) == "bca");
  // A connection does not say that the service is well.
  CHECK(of.connected(a, start).empty());
  CHECK_FALSE(of.check_passed(a, by));
  CHECK_FALSE(of.check_failed(a, by));
  CHECK_FALSE(of.check_passed(a, by));
  CHECK(of.check_passed(a, by));
  CHECK(next(of) == "abc");
  // A check that passes ends the time for which a visitor's failure lets it be skipped.
  CHECK(of.failed(a, start));
  CHECK(of.check_passed(a, by));
  CHECK(next(of) == "abc");
}

TEST_CASE(
    "target choice: with fail-over, addresses that are not tried count as up after the skip") {
  target_choice of(abc, local_strategy::failover);
  of.failed(a, start);
  of.failed(b, start);
  CHECK(of.check_failed(c, {.fall = 1}));
  CHECK(of.connected(c, start).empty());
  // While it is skipped, it stays down; afterwards nothing is known about it.
  CHECK(of.connected(a, start + milliseconds(999)).empty());
  CHECK(of.connected(a, start + seconds(1)) == std::vector<address>{a, b});
  CHECK(of.connected(a, start + seconds(1)).empty());
  CHECK(of.check_passed(c, {.rise = 1}));
  // With round robin each is tried in its turn.
  target_choice turns(abc, local_strategy::round_robin);
  turns.failed(a, start);
  turns.failed(b, start);
  CHECK(turns.connected(a, start + seconds(1)) == std::vector<address>{a});
  CHECK(turns.connected(b, start + seconds(1)) == std::vector<address>{b});
}

TEST_CASE("target choice: addresses that stay keep their state") {
  target_choice of(abc, local_strategy::failover);
  of.failed(a, start);
  of.update(address_list(std::vector<address>{c, a}), local_strategy::failover, true);
  CHECK(next(of) == "ca");
  of.update(address_list(std::vector<address>{a, c}), local_strategy::failover, true);
  CHECK(next(of) == "ca");
  CHECK_FALSE(of.failed(b, start));
  CHECK_FALSE(of.check_failed(b, {.fall = 1}));
  // Without checks only what visitors found out counts.
  CHECK(of.check_failed(c, {.fall = 1}));
  const address_list ac(std::vector<address>{a, c});
  CHECK(of.update(ac, local_strategy::failover, true).empty());
  CHECK(next(of, start + seconds(1)) == "ac");
  CHECK(of.update(ac, local_strategy::failover, false) == std::vector<address>{c});
  CHECK(next(of) == "ca");
  CHECK(of.update(ac, local_strategy::failover, false).empty());
}

TEST_CASE("status query: the request, and what answers it") {
  const auto answer = [](std::string_view in) {
    http::status_query query("127.0.0.1:80", "/health");
    byte_buffer out;
    CHECK(query.transmit(out));
    CHECK_FALSE(query.transmit(out));
    CHECK(std::string(out.data().begin(), out.data().end()) ==
          "GET /health HTTP/1.1\r\nHost: 127.0.0.1:80\r\nUser-Agent: rathole\r\n"
          "Connection: close\r\n\r\n");
    byte_view rest = byte_view_of(in);
    for (;;) {
      const auto polled = query.poll(start);
      if (!polled) return polled.error().message();
      if (*polled) return std::to_string(**polled);
      if (rest.empty()) return std::string("nothing");
      rest = rest.subspan(query.feed(rest));
    }
  };
  CHECK(answer("HTTP/1.1 204 No Content\r\n\r\n") == "204");
  CHECK(answer("HTTP/1.0 503 Busy\r\nRetry-After: 3\r\n\r\nbody") == "503");
  CHECK(answer("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n") == "200");
  CHECK(answer("HTTP/1.1 200 OK\r\n") == "nothing");
  const std::string malformed = make_error_code(errc::malformed_http).message();
  CHECK(answer("220 mail.example.com ESMTP\r\n\r\n") == malformed);
  std::string interim;
  for (std::size_t i = 0; i <= http::status_query::max_interim; ++i) {
    interim += "HTTP/1.1 100 Continue\r\n\r\n";
  }
  CHECK(answer(interim) == malformed);
  CHECK(std::error_code(503, http::status_category()).message() ==
        "the answer has the status 503 (Service Unavailable)");
  CHECK(std::error_code(599, http::status_category()).message() == "the answer has the status 599");
  http::status_query impossible("a b", "/");
  byte_buffer out;
  CHECK_FALSE(impossible.transmit(out));
  CHECK(impossible.poll(start).error() == errc::invalid_address);
}

}  // namespace
}  // namespace rathole::test
