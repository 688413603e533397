#include <rathole/protocol/udp_sessions.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <memory>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;

ip_endpoint visitor(std::uint16_t port) { return {{192, 0, 2, 1}, port, false}; }

const time_point start{};

TEST_CASE("udp_sessions: the longest idle visitor is dropped first") {
  protocol::udp_sessions<int> all(3, 60s, 1);
  CHECK(all.empty());
  CHECK_FALSE(all.deadline());
  for (std::uint16_t i = 1; i <= 3; ++i) all.add(visitor(i), i, start + i * 1s);
  CHECK(all.full());
  REQUIRE(all.touch(visitor(1), start + 4s));
  CHECK(*all.touch(visitor(1), start + 4s) == 1);
  CHECK_FALSE(all.touch(visitor(9), start + 4s));
  CHECK(all.pop_oldest() == 2);
  CHECK_FALSE(all.full());
  CHECK_FALSE(all.touch(visitor(2), start + 4s));
  CHECK(all.add(visitor(4), 4, start + 5s) == 4);
  CHECK(all.pop_oldest() == 3);
  CHECK(all.pop_oldest() == 1);
  CHECK(all.pop_oldest() == 4);
  CHECK(all.empty());
}

TEST_CASE("udp_sessions: idle visitors expire one by one, at their deadline and not before") {
  protocol::udp_sessions<int> all(10, 60s, 1);
  all.add(visitor(1), 1, start);
  all.add(visitor(2), 2, start + 10s);
  CHECK(all.deadline() == start + 60s);
  CHECK_FALSE(all.expire(start + 59'999ms));
  CHECK(all.expire(start + 60s) == 1);
  CHECK_FALSE(all.expire(start + 60s));
  CHECK(all.deadline() == start + 70s);
  all.touch(visitor(2), start + 69s);
  CHECK(all.deadline() == start + 129s);
  CHECK_FALSE(all.expire(start + 70s));
}

TEST_CASE("udp_sessions: new limits apply to known visitors") {
  protocol::udp_sessions<int> all(10, 60s, 1);
  for (std::uint16_t i = 1; i <= 4; ++i) all.add(visitor(i), i, start);
  all.set_limits(2, 5s);
  CHECK(all.limit() == 2);
  CHECK(all.size() == 4);
  CHECK(all.full());
  CHECK(all.deadline() == start + 5s);
  while (all.size() > all.limit()) all.pop_oldest();
  CHECK(all.full());
  CHECK(all.touch(visitor(3), start));
  CHECK(all.touch(visitor(4), start));
  all.set_limits(0, 5s);
  CHECK(all.limit() == 1);
}

TEST_CASE("udp_sessions: forgetting a visitor destroys its value") {
  protocol::udp_sessions<std::shared_ptr<int>> all(10, 60s, 1);
  std::weak_ptr<int> first, second;
  {
    auto value = std::make_shared<int>(1);
    first = value;
    all.add(visitor(1), std::move(value), start);
    value = std::make_shared<int>(2);
    second = value;
    all.add(visitor(2), std::move(value), start);
  }
  all.erase(visitor(1));
  all.erase(visitor(1));
  CHECK(first.expired());
  CHECK_FALSE(second.expired());
  CHECK_FALSE(all.touch(visitor(1), start));
  all.clear();
  CHECK(second.expired());
  CHECK(all.empty());
  CHECK_FALSE(all.deadline());
  all.add(visitor(2), nullptr, start);
  CHECK(all.size() == 1);
}

}  // namespace
}  // namespace rathole::test
