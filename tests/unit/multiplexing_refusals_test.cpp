#include <rathole/transport/multiplexing_refusals.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace rathole::transport {
namespace {

using namespace std::chrono_literals;

const time_point start{};
const address server{"server", 2333};
const address other{"192.0.2.1", 2333};

TEST_CASE("multiplexing_refusals: the pauses double up to a day, and only the first is reported") {
  multiplexing_refusals refusals;
  time_point now = start;
  CHECK(refusals.may_ask(server, now));
  const duration pauses[] = {10min, 20min, 40min, 80min, 160min, 320min, 640min, 1280min, 24h, 24h};
  bool is_first = true;
  for (const duration pause : pauses) {
    CHECK(refusals.refused(server, now) == multiplexing_refusals::verdict{is_first, pause});
    CHECK_FALSE(refusals.may_ask(server, now + pause - 1ns));
    CHECK(refusals.may_ask(other, now));
    now += pause;
    CHECK(refusals.may_ask(server, now));
    is_first = false;
  }
}

TEST_CASE("multiplexing_refusals: an answer, or other settings, start over") {
  multiplexing_refusals refusals;
  refusals.refused(server, start);
  refusals.refused(server, start);
  refusals.refused(other, start);
  refusals.accepted(server);
  CHECK(refusals.may_ask(server, start));
  CHECK_FALSE(refusals.may_ask(other, start));
  CHECK(refusals.refused(server, start) == multiplexing_refusals::verdict{true, 10min});
  refusals.clear();
  CHECK(refusals.may_ask(server, start));
  CHECK(refusals.may_ask(other, start));
  CHECK(refusals.size() == 0);
}

TEST_CASE("multiplexing_refusals: a bounded number of servers is remembered, the latest") {
  multiplexing_refusals refusals;
  const auto number = [](std::size_t i) {
    return address{"server", static_cast<std::uint16_t>(i + 1)};
  };
  for (std::size_t i = 0; i < max_remembered_refusals; ++i) {
    refusals.refused(number(i), start + i * 1s);
  }
  CHECK_FALSE(refusals.may_ask(number(0), start + 1min));
  refusals.refused(other, start + 2min);
  CHECK(refusals.size() == max_remembered_refusals);
  CHECK(refusals.may_ask(number(0), start + 2min));
  CHECK_FALSE(refusals.may_ask(number(1), start + 2min));
  CHECK_FALSE(refusals.may_ask(other, start + 2min));
}

}  // namespace
}  // namespace rathole::transport
