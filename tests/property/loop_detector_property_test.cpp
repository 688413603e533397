#include "../support/property.hpp"

#include <rathole/protocol/loop_detector.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <variant>
#include <vector>

namespace rathole::test {
namespace {

using protocol::loop_detector;

/// A service whose `local_addr` leads back to itself, with outside visitors that each start a chain
/// of connections.
class looping_service {
 public:
  explicit looping_service(std::size_t chains) : chains_(chains) {}

  /// Runs everything that the detector allows, up to `end`. Returns the largest number of active
  /// connections.
  std::size_t run(time_point end) {
    std::size_t most = 0;
    for (std::size_t i = 0; i < chains_.size(); ++i) begin_forward(i);
    for (; now_ < end; now_ += std::chrono::milliseconds(1)) {
      while (const auto action = detector_.poll(now_)) {
        std::visit([this](const auto& what) { perform(what); }, *action);
      }
      unwind();
      std::size_t all = 0;
      for (const auto& each : chains_) all += each.forwards.size();
      most = std::max(most, all);
    }
    return most;
  }

  [[nodiscard]] bool is_found() const { return found_; }
  [[nodiscard]] bool is_over() const {
    return std::ranges::all_of(chains_, [](const chain& each) { return each.forwards.empty(); });
  }

 private:
  struct chain {
    std::vector<std::uint64_t> forwards;
    bool broken = false;
  };

  /// A connection starts, and the client's connection to the service's port arrives at once.
  void begin_forward(std::size_t i) {
    detector_.started(next_);
    chains_[i].forwards.push_back(next_++);
    detector_.visitor_arrived(next_);
    visitors_[next_++] = i;
  }
  void perform(const protocol::admit_visitor& what) { begin_forward(visitors_.at(what.visitor)); }
  void perform(const protocol::refuse_visitor& what) {
    chains_[visitors_.at(what.visitor)].broken = true;
  }
  void perform(const protocol::check_answers&) {}
  void perform(const protocol::loop_found&) { found_ = true; }

  /// A connection whose local connection broke ends, and so does the one that caused it.
  void unwind() {
    for (chain& each : chains_) {
      if (!each.broken || each.forwards.empty()) continue;
      detector_.ended(each.forwards.back(), now_);
      each.forwards.pop_back();
    }
  }

  loop_detector detector_;
  std::vector<chain> chains_;
  std::map<std::uint64_t, std::size_t> visitors_;
  std::uint64_t next_ = 0;
  time_point now_{std::chrono::hours(1)};
  bool found_ = false;
};

TEST_CASE("loop detector: every loop is detected and ended, however many visitors started it") {
  RATHOLE_PROPERTY("a service that leads back to itself", [] {
    const auto chains = *rc::gen::inRange<std::size_t>(1, 40);
    looping_service service(chains);
    const std::size_t most =
        service.run(time_point(std::chrono::hours(1)) + (chains + 2) * std::chrono::seconds(3));
    RC_ASSERT(service.is_found());
    RC_ASSERT(service.is_over());
    RC_ASSERT(most <=
              std::max<std::size_t>(protocol::loop_depth, 4 * protocol::loop_evidence * chains) +
                  chains);
  });
}

TEST_CASE("loop detector: visitors that are answered are never refused") {
  RATHOLE_PROPERTY("a service that answers", [](std::uint64_t seed) {
    const auto count = *rc::gen::inRange<std::size_t>(1, 1200);
    // Milliseconds until the service answers; shorter than visitors are held.
    const auto slowest = *rc::gen::inRange(1, 1900);
    std::mt19937_64 random(seed);
    loop_detector detector;
    time_point now{std::chrono::hours(1)};
    std::multimap<time_point, std::uint64_t> answers;
    std::size_t admitted = 0;
    std::size_t arrived = 0;
    while (admitted < count) {
      for (auto burst = random() % 200; burst > 0 && arrived < count; --burst) {
        detector.visitor_arrived(10'000 + arrived++);
      }
      while (!answers.empty() && answers.begin()->first <= now) {
        detector.answered(answers.begin()->second);
        answers.erase(answers.begin());
      }
      while (const auto action = detector.poll(now)) {
        RC_ASSERT_FALSE(std::holds_alternative<protocol::refuse_visitor>(*action));
        RC_ASSERT_FALSE(std::holds_alternative<protocol::loop_found>(*action));
        if (!std::holds_alternative<protocol::admit_visitor>(*action)) continue;
        detector.started(admitted);
        const auto wait = static_cast<int>(random() % static_cast<unsigned>(slowest));
        answers.emplace(now + std::chrono::milliseconds(wait), admitted++);
      }
      now += std::chrono::milliseconds(1);
    }
  });
}

TEST_CASE(
    "loop detector: a service that stops answering and closes all in any order is not accused") {
  RATHOLE_PROPERTY("a service that stops answering", [](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    loop_detector detector;
    time_point now{std::chrono::hours(1)};
    std::vector<std::uint64_t> open;
    for (std::uint64_t i = 0; i < 64; ++i) {
      detector.started(i);
      open.push_back(i);
    }
    std::ranges::shuffle(open, random);
    std::uint64_t visitor = 1000;
    std::size_t refused = 0;
    for (int step = 0; step < 4000; ++step, now += std::chrono::milliseconds(1)) {
      if (step % 50 == 0) detector.visitor_arrived(visitor++);
      if (step > 2000 && !open.empty()) {
        detector.ended(open.back(), now);
        open.pop_back();
      }
      while (const auto action = detector.poll(now)) {
        RC_ASSERT_FALSE(std::holds_alternative<protocol::loop_found>(*action));
        if (std::holds_alternative<protocol::refuse_visitor>(*action)) ++refused;
      }
    }
    RC_ASSERT(refused <= 1U);
  });
}

}  // namespace
}  // namespace rathole::test
