#include <rathole/core/error.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/source_network.hpp>
#include <rathole/protocol/source_rates.hpp>
#include <rathole/protocol/visitor_limits.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using protocol::source_rates;
using protocol::visitor_lease;
using protocol::visitor_limits;

ip_endpoint source(const std::string& host) {
  return protocol::source_network(to_ip_endpoint({host, 1}).value());
}

/// A source of IPv4 with that number.
ip_endpoint numbered(std::uint32_t number) {
  ip_endpoint out;
  for (std::size_t i = 0; i < 4; ++i) out.ip[i] = static_cast<std::uint8_t>(number >> 8 * i);
  return out;
}

std::error_code admit(visitor_limits& to, const std::string& host, time_point at = {}) {
  const auto admitted = to.admit(source(host), at);
  return admitted ? std::error_code() : admitted.error();
}

TEST_CASE("source_network: an endpoint counts as its IPv4 address or its /64") {
  CHECK(to_address(source("192.0.2.7")) == address{"192.0.2.7", 0});
  CHECK(to_address(source("::ffff:192.0.2.7")) == address{"192.0.2.7", 0});
  CHECK(to_address(source("2001:db8:1:2:3:4:5:6")) == address{"2001:db8:1:2::", 0});
  CHECK(source("2001:db8:1:2::1") == source("2001:db8:1:2:ffff::"));
  CHECK_FALSE(source("2001:db8:1:2::1") == source("2001:db8:1:3::1"));
}

TEST_CASE("source_rates: tokens come back at the rate, up to the burst") {
  struct step {
    duration at;
    bool is_taken;
  };
  struct row {
    const char* name;
    connection_rate allowed;
    std::vector<step> steps;
  };
  const row rows[] = {
      {"one a second", {1, 1}, {{0s, true}, {0s, false}, {999ms, false}, {1s, true}, {1s, false}}},
      {"a burst",
       {1, 3},
       {{0s, true}, {0s, true}, {0s, true}, {0s, false}, {1s, true}, {1s, false}}},
      {"a pause gives no more than the burst",
       {10, 2},
       {{0s, true}, {1h, true}, {1h, true}, {1h, false}, {1h + 100ms, true}, {1h + 199ms, false}}},
      {"a burst below the rate", {1000, 1}, {{0s, true}, {0s, false}, {1ms, true}, {1ms, false}}},
      {"zero counts as one", {0, 0}, {{0s, true}, {0s, false}, {1s, true}}},
  };
  for (const row& each : rows) {
    CAPTURE(each.name);
    source_rates rates(each.allowed, 1);
    for (const step& one : each.steps) {
      CAPTURE(one.at.count());
      CHECK(rates.take(source("192.0.2.7"), time_point(one.at)) == one.is_taken);
    }
    CHECK(rates.take(source("192.0.2.8"), time_point(1h)));
  }
}

TEST_CASE("source_rates: the number of sources is bounded, and many of them lock nobody out") {
  source_rates rates({1, 1}, 1);
  // Each of them is admitted once, however many come before it at the same time.
  constexpr std::uint32_t many = 10 * protocol::max_rated_sources;
  for (std::uint32_t i = 1; i <= many; ++i) REQUIRE(rates.take(numbered(i), time_point()));
  CHECK(rates.take(source("2001:db8::1"), time_point()));
  CHECK_FALSE(rates.take(source("2001:db8::1"), time_point()));
  // The table remembers as many as it has places.
  std::size_t known = 0;
  for (std::uint32_t i = many; i > 0; --i) {
    if (!rates.take(numbered(i), time_point())) ++known;
  }
  CHECK(known <= protocol::max_rated_sources);
  CHECK(known > 0);
}

TEST_CASE("source_rates: the source whose bucket is emptiest keeps its place") {
  source_rates rates({1, 100}, 1);
  const ip_endpoint flood = source("203.0.113.9");
  for (int i = 0; i < 100; ++i) REQUIRE(rates.take(flood, time_point()));
  for (std::uint32_t i = 1; i <= 10 * protocol::max_rated_sources; ++i) {
    REQUIRE(rates.take(numbered(i), time_point()));
  }
  CHECK_FALSE(rates.take(flood, time_point()));
  CHECK(rates.take(flood, time_point(1s)));
}

TEST_CASE("visitor_limits: each limit refuses with a reason of its own") {
  visitor_limits limits(1);
  for (int i = 0; i < 5; ++i) CHECK_FALSE(admit(limits, "192.0.2.1"));
  limits.set({.total = 7, .per_source = 6});
  CHECK_FALSE(admit(limits, "192.0.2.1"));
  CHECK(admit(limits, "192.0.2.1") == errc::too_many_of_address);
  CHECK_FALSE(admit(limits, "192.0.2.2"));
  CHECK(admit(limits, "192.0.2.2") == errc::too_many_connections);
  CHECK(limits.size() == 7);
  CHECK(limits.sources() == 2);
  limits.left(source("192.0.2.1"));
  CHECK_FALSE(admit(limits, "2001:db8::1"));
  CHECK(limits.sources() == 3);
  // A lower limit closes nothing, and applies to those who come.
  limits.set({.total = 3});
  CHECK(limits.size() == 7);
  CHECK(admit(limits, "192.0.2.3") == errc::too_many_connections);
  limits.set({.rate = connection_rate{1, 1}});
  CHECK_FALSE(admit(limits, "192.0.2.3"));
  CHECK(admit(limits, "192.0.2.3") == errc::too_many_new_connections);
  CHECK_FALSE(admit(limits, "192.0.2.4"));
  CHECK_FALSE(admit(limits, "192.0.2.3", time_point(1s)));
}

TEST_CASE("visitor_limits: a refused visitor takes no token and is not counted") {
  visitor_limits limits(1);
  limits.set({.total = 1, .rate = connection_rate{1, 2}});
  CHECK_FALSE(admit(limits, "192.0.2.1"));
  for (int i = 0; i < 9; ++i) CHECK(admit(limits, "192.0.2.1") == errc::too_many_connections);
  limits.left(source("192.0.2.1"));
  CHECK(limits.sources() == 0);
  CHECK_FALSE(admit(limits, "192.0.2.1"));
  limits.left(source("192.0.2.1"));
  CHECK(admit(limits, "192.0.2.1") == errc::too_many_new_connections);
  CHECK(limits.sources() == 0);
}

TEST_CASE("visitor_limits: a new rate starts over, the same one does not") {
  visitor_limits limits(1);
  limits.set({.rate = connection_rate{1, 1}});
  CHECK_FALSE(admit(limits, "192.0.2.1"));
  limits.set({.total = 9, .rate = connection_rate{1, 1}});
  CHECK(admit(limits, "192.0.2.1") == errc::too_many_new_connections);
  limits.set({.rate = connection_rate{2, 1}});
  CHECK_FALSE(admit(limits, "192.0.2.1"));
}

TEST_CASE("visitor_lease: a visitor is counted until its last owner ends") {
  const auto limits = std::make_shared<visitor_limits>(1);
  const ip_endpoint from = source("192.0.2.1");
  {
    REQUIRE(limits->admit(from, {}));
    visitor_lease first(limits, from);
    visitor_lease second(std::move(first));
    visitor_lease third;
    third = std::move(second);
    CHECK(limits->size() == 1);
    third.end();
    CHECK(limits->size() == 0);
    REQUIRE(limits->admit(from, {}));
    third = visitor_lease(limits, from);
    CHECK(limits->size() == 1);
  }
  CHECK(limits->size() == 0);
}

}  // namespace
}  // namespace rathole::test
