#include <rathole/protocol/loop_detector.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using protocol::loop_detector;

constexpr time_point start{1h};

std::string name(const protocol::admit_visitor& a) { return "admit " + std::to_string(a.visitor); }
std::string name(const protocol::refuse_visitor& a) {
  return "refuse " + std::to_string(a.visitor);
}
std::string name(const protocol::check_answers&) { return "look"; }
std::string name(const protocol::loop_found&) { return "found"; }

using names = std::vector<std::string>;

names drain(loop_detector& detector, time_point now) {
  names out;
  while (const auto action = detector.poll(now)) {
    out.push_back(std::visit([](const auto& a) { return name(a); }, *action));
  }
  return out;
}

/// Returns a detector with `count` unanswered connections, numbered from 0.
loop_detector with_silent(std::size_t count) {
  loop_detector out;
  for (std::size_t i = 0; i < count; ++i) out.started(i);
  return out;
}

/// Returns a detector with `count` unanswered connections that has held and then refused visitor
/// 1000.
loop_detector judging(std::size_t count) {
  loop_detector out = with_silent(count);
  out.visitor_arrived(1000);
  CHECK(drain(out, start) == names{"look"});
  CHECK(drain(out, start + 2s) == names{"refuse 1000"});
  return out;
}

TEST_CASE("loop detector: visitors pass while few connections are unanswered") {
  loop_detector detector = with_silent(63);
  detector.visitor_arrived(1);
  CHECK(drain(detector, start) == names{"admit 1"});
  CHECK_FALSE(detector.deadline());
  // Any number of answered connections is not suspicious.
  for (std::uint64_t i = 100; i < 2000; ++i) {
    detector.started(i);
    detector.answered(i);
  }
  detector.visitor_arrived(2);
  CHECK(drain(detector, start) == names{"admit 2"});
}

TEST_CASE("loop detector: visitors are held until an answer arrives") {
  loop_detector detector = with_silent(64);
  detector.visitor_arrived(1);
  CHECK(drain(detector, start) == names{"look"});
  CHECK(detector.deadline() == start + 10ms);
  detector.visitor_arrived(2);
  CHECK(drain(detector, start + 5ms).empty());
  CHECK(drain(detector, start + 10ms) == names{"look"});
  detector.answered(17);
  CHECK(drain(detector, start + 11ms) == names{"admit 1", "admit 2"});
  CHECK_FALSE(detector.deadline());
}

TEST_CASE(
    "loop detector: without an answer one visitor is refused, and the unwinding proves a loop") {
  loop_detector detector = judging(64);
  for (std::uint64_t i = 0; i < 15; ++i) {
    detector.ended(63 - i, start + 2s);
    CHECK(drain(detector, start + 2s).empty());
  }
  detector.visitor_arrived(1001);
  detector.ended(48, start + 2s);
  CHECK(drain(detector, start + 2s) == names{"found", "admit 1001"});
  for (std::uint64_t i = 0; i < 48; ++i) detector.ended(i, start + 2s);
  detector.visitor_arrived(1002);
  CHECK(drain(detector, start + 2s) == names{"admit 1002"});
}

TEST_CASE(
    "loop detector: an imitated loop costs others a short wait, and one visitor its connection") {
  loop_detector detector;
  time_point now = start;
  std::uint64_t next = 0;
  for (int round = 0; round < 20; ++round) {
    CAPTURE(round);
    std::vector<std::uint64_t> silent;
    for (int i = 0; i < 64; ++i) {
      silent.push_back(next);
      detector.started(next++);
    }
    std::vector<std::uint64_t> waiting;
    for (int i = 0; i < 10; ++i) detector.visitor_arrived(waiting.emplace_back(10'000 + next++));
    drain(detector, now);
    now += protocol::loop_hold;
    CHECK(drain(detector, now) == names{"refuse " + std::to_string(waiting.front())});
    for (std::size_t i = 0; i < 64; ++i) detector.ended(silent[63 - i], now);
    names expected{"found"};
    for (std::size_t i = 1; i < 10; ++i) expected.push_back("admit " + std::to_string(waiting[i]));
    CHECK(drain(detector, now) == expected);
  }
}

TEST_CASE("loop detector: ends in the order of their starts prove nothing") {
  loop_detector detector = judging(100);
  for (std::uint64_t i = 0; i < 100; ++i) {
    detector.ended(i, start + 2s);
    CHECK(drain(detector, start + 2s).empty());
  }
  CHECK(drain(detector, start + 4s).empty());
  detector.visitor_arrived(1001);
  CHECK(drain(detector, start + 4s) == names{"admit 1001"});
}

TEST_CASE("loop detector: a slow unwinding is awaited, and a pause ends the judgement") {
  for (const bool steady : {true, false}) {
    CAPTURE(steady);
    loop_detector detector = judging(64);
    time_point now = start + 2s;
    names seen;
    for (std::uint64_t i = 0; i < 16; ++i) {
      now += steady || i != 8 ? 900ms : 1100ms;
      for (const auto& each : drain(detector, now)) seen.push_back(each);
      detector.ended(63 - i, now);
    }
    for (const auto& each : drain(detector, now)) seen.push_back(each);
    CHECK(seen == (steady ? names{"found"} : names{}));
  }
}

TEST_CASE("loop detector: after a wrong suspicion the threshold doubles") {
  loop_detector detector = judging(64);
  detector.visitor_arrived(1001);
  CHECK(drain(detector, start + 2s).empty());
  CHECK(drain(detector, start + 3s) == names{"admit 1001"});
  for (std::uint64_t i = 64; i < 127; ++i) detector.started(i);
  detector.visitor_arrived(1002);
  CHECK(drain(detector, start + 3s) == names{"admit 1002"});
  detector.started(127);
  detector.visitor_arrived(1003);
  CHECK(drain(detector, start + 3s) == names{"look"});
  // Once most are answered and a minute has passed, the detector is in its initial state.
  for (std::uint64_t i = 0; i < 100; ++i) detector.answered(i);
  CHECK(drain(detector, start + 3s) == names{"admit 1003"});
  for (std::uint64_t i = 200; i < 236; ++i) detector.started(i);
  detector.visitor_arrived(1004);
  CHECK(drain(detector, start + 4s) == names{"admit 1004"});
  for (std::uint64_t i = 200; i < 236; ++i) detector.answered(i);
  CHECK(drain(detector, start + 63s).empty());
  for (std::uint64_t i = 300; i < 336; ++i) detector.started(i);
  detector.visitor_arrived(1005);
  CHECK(drain(detector, start + 63s) == names{"look"});
}

}  // namespace
}  // namespace rathole::test
