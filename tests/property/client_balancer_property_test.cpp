#include "../support/property.hpp"

#include <rathole/protocol/client_balancer.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using protocol::client_balancer, protocol::client_id;

/// A balancer, and a model that knows how many visitors each client has and which have failed.
struct balancer_run {
  void add() {
    const client_id id = next_++;
    all.add(id, id % 3);
    visitors[id] = 0;
  }

  void remove(client_id id) {
    all.remove(id);
    visitors.erase(id);
    failed_until.erase(id);
    on_trial.erase(id);
  }

  [[nodiscard]] bool is_healthy(client_id id) const { return !failed_until.contains(id); }

  /// Chooses for a visitor that has tried `tried`, and checks the choice.
  void choose(const std::vector<client_id>& tried, std::optional<std::uint64_t> source) {
    const auto chosen = all.choose(now, tried, source);
    const auto is_tried = [&](client_id id) { return std::ranges::find(tried, id) != tried.end(); };
    bool has_any = false;
    bool has_healthy = false;
    std::size_t fewest = SIZE_MAX;
    for (const auto& [id, count] : visitors) {
      if (is_tried(id)) continue;
      has_any = true;
      if (!is_healthy(id)) continue;
      has_healthy = true;
      fewest = std::min(fewest, count);
    }
    RC_ASSERT(chosen.has_value() == has_any);
    if (!chosen) return;
    RC_ASSERT(visitors.contains(*chosen) && !is_tried(*chosen));
    if (!is_healthy(*chosen)) {
      // It is on trial, or there is no other one.
      const bool may_try = now >= failed_until[*chosen] && on_trial.insert({*chosen, true}).second;
      RC_ASSERT(may_try || !has_healthy);
      on_trial[*chosen] = true;
    } else if (!source) {
      RC_ASSERT(visitors[*chosen] == fewest);
    }
    ++visitors[*chosen];
  }

  void fail(client_id id) {
    const bool is_news = is_healthy(id) || now >= failed_until[id];
    RC_ASSERT(all.failed(id, now) == is_news);
    on_trial.erase(id);
    if (!is_news) return;
    auto& pause = pauses[id];
    pause = is_healthy(id) ? duration(protocol::client_pause)
                           : std::min(2 * pause, duration(protocol::max_client_pause));
    failed_until[id] = now + pause;
  }

  client_balancer all;
  time_point now{};
  std::map<client_id, std::size_t> visitors;
  std::map<client_id, time_point> failed_until;
  std::map<client_id, duration> pauses;
  std::map<client_id, bool> on_trial;

 private:
  client_id next_ = 1;
};

TEST_CASE(
    "client balancer: the fewest visitors, no failed client while there is another, one trial") {
  RATHOLE_PROPERTY("client_balancer", [] {
    balancer_run run;
    const int steps = *rc::gen::inRange(0, 120);
    for (int i = 0; i < steps; ++i) {
      const auto some = [&]() -> std::optional<client_id> {
        if (run.visitors.empty()) return std::nullopt;
        const auto at = *rc::gen::inRange<std::size_t>(0, run.visitors.size());
        return std::next(run.visitors.begin(), static_cast<std::ptrdiff_t>(at))->first;
      };
      const auto one = some();
      switch (*rc::gen::inRange(0, 9)) {
        case 0:
          if (run.visitors.size() < 6) run.add();
          break;
        case 1:
          if (one && *rc::gen::inRange(0, 3) == 0) run.remove(*one);
          break;
        case 2:
          if (one) run.fail(*one);
          break;
        case 3:
          if (!one) break;
          run.all.served(*one);
          run.failed_until.erase(*one);
          run.on_trial.erase(*one);
          break;
        case 4:
          if (!one || run.visitors[*one] == 0) break;
          run.all.released(*one);
          --run.visitors[*one];
          run.on_trial.erase(*one);
          break;
        case 5: run.now += std::chrono::milliseconds(*rc::gen::inRange(0, 40'000)); break;
        case 6: run.choose({}, *rc::gen::arbitrary<std::uint64_t>()); break;
        case 7: {
          std::vector<client_id> tried;
          for (const auto& [id, count] : run.visitors) {
            if (*rc::gen::inRange(0, 2) == 0) tried.push_back(id);
          }
          run.choose(tried, std::nullopt);
          break;
        }
        default: run.choose({}, std::nullopt); break;
      }
      for (const auto& [id, count] : run.visitors) {
        const auto state = run.all.state_of(id, run.now);
        RC_ASSERT(state.visitors == count);
        RC_ASSERT(state.is_skipped == (!run.is_healthy(id) && run.now < run.failed_until[id]));
      }
      RC_ASSERT(run.all.size() == run.visitors.size());
    }
  });
}

TEST_CASE("client balancer: the departure of a client moves only its own sources") {
  RATHOLE_PROPERTY("client_balancer affinity", [] {
    client_balancer all;
    const auto count = *rc::gen::inRange<client_id>(2, 8);
    for (client_id id = 1; id <= count; ++id) all.add(id, *rc::gen::arbitrary<std::uint64_t>());
    const auto sources =
        *rc::gen::container<std::vector<std::uint64_t>>(rc::gen::arbitrary<std::uint64_t>());
    const auto choose = [&](std::uint64_t source) { return *all.choose({}, {}, source); };
    std::vector<client_id> before;
    for (const std::uint64_t each : sources) before.push_back(choose(each));
    const auto gone = *rc::gen::inRange<client_id>(1, count + 1);
    all.remove(gone);
    for (std::size_t i = 0; i < sources.size(); ++i) {
      const client_id now = choose(sources[i]);
      RC_ASSERT((before[i] == gone) == (now != before[i]));
    }
  });
}

}  // namespace
}  // namespace rathole::test
