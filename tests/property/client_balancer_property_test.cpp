#include "../support/property.hpp"

#include <rathole/protocol/client_balancer.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <ranges>
#include <set>
#include <utility>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using protocol::client_balancer, protocol::client_id;

/// A balancer, and a model that knows how many visitors each client has, which have failed, which serve
/// visitors, and which one is on trial.
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
    proven.erase(id);
    if (on_trial == id) is_trial_held = false;
  }

  [[nodiscard]] bool is_skipped(client_id id) const {
    const auto found = failed_until.find(id);
    return found != failed_until.end() && now < found->second;
  }
  [[nodiscard]] bool has_trial() const { return is_trial_held && now < trial_end; }
  [[nodiscard]] bool is_available(client_id id) const {
    return !is_skipped(id) && (proven.contains(id) || !has_trial());
  }

  /// Chooses for a visitor that has tried `tried`, and checks the choice.
  void choose(const std::vector<client_id>& tried, std::optional<std::uint64_t> source) {
    std::vector<client_id> candidates;
    for (const auto& [id, count] : visitors) {
      if (std::ranges::find(tried, id) == tried.end()) candidates.push_back(id);
    }
    const auto prefer = [&candidates](auto which) {
      std::vector<client_id> preferred;
      std::ranges::copy_if(candidates, std::back_inserter(preferred), which);
      if (!preferred.empty()) candidates = std::move(preferred);
    };
    prefer([this](client_id id) { return is_available(id); });
    const bool has_available =
        std::ranges::any_of(candidates, [this](client_id id) { return is_available(id); });
    if (!tried.empty()) prefer([this](client_id id) { return proven.contains(id); });

    const auto chosen = all.choose(now, tried, source);
    RC_ASSERT(chosen.has_value() == !candidates.empty());
    if (!chosen) return;
    if (has_available) {
      RC_ASSERT(std::ranges::find(candidates, *chosen) != candidates.end());
      const auto visitors_of = [this](client_id id) { return visitors.at(id); };
      if (!source) {
        RC_ASSERT(visitors[*chosen] ==
                  std::ranges::min(candidates | std::views::transform(visitors_of)));
      }
    } else {
      RC_ASSERT(visitors.contains(*chosen) && std::ranges::find(tried, *chosen) == tried.end());
    }
    ++visitors[*chosen];
    if (proven.contains(*chosen) || has_trial()) return;
    on_trial = chosen;
    trial_end = now + protocol::client_trial;
    is_trial_held = true;
  }

  void release(client_id id) {
    all.released(id);
    --visitors[id];
    if (on_trial == id) is_trial_held = false;
  }

  void serve(client_id id) {
    all.served(id);
    if (early_ends[id] < protocol::max_early_ends) prove(id);
  }

  void answer(client_id id) {
    all.answered(id);
    early_ends[id] = 0;
    prove(id);
  }

  void end_early(client_id id) {
    all.ended_early(id, now);
    early_ends[id] = std::min(early_ends[id] + 1, protocol::max_early_ends);
    if (early_ends[id] == protocol::max_early_ends) note_failure(id);
  }

  void fail(client_id id) {
    const bool is_news = all.failed(id, now);
    RC_ASSERT(is_news == note_failure(id));
  }

  client_balancer all;
  time_point now{};
  std::map<client_id, std::size_t> visitors;
  std::map<client_id, time_point> failed_until;

 private:
  void prove(client_id id) {
    proven.insert(id);
    failed_until.erase(id);
    if (on_trial != id) return;
    is_trial_held = false;
    on_trial.reset();
  }

  /// Returns whether the client is skipped only since then.
  bool note_failure(client_id id) {
    proven.erase(id);
    if (on_trial == id) {
      is_trial_held = true;
      on_trial.reset();
    }
    if (is_skipped(id)) return false;
    auto& pause = pauses[id];
    pause = failed_until.contains(id) ? std::min(2 * pause, duration(protocol::max_client_pause))
                                      : duration(protocol::client_pause);
    failed_until[id] = now + pause;
    return true;
  }

  std::map<client_id, duration> pauses;
  std::map<client_id, unsigned> early_ends;
  std::set<client_id> proven;
  std::optional<client_id> on_trial;
  time_point trial_end{};
  bool is_trial_held = false;
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
      switch (*rc::gen::inRange(0, 11)) {
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
          if (one) run.serve(*one);
          break;
        case 4:
          if (one && run.visitors[*one] > 0) run.release(*one);
          break;
        case 5:
          run.now +=
              std::chrono::milliseconds(*rc::gen::inRange(0, *rc::gen::element(1'000, 40'000)));
          break;
        case 6: run.choose({}, *rc::gen::arbitrary<std::uint64_t>()); break;
        case 7: {
          std::vector<client_id> tried;
          for (const auto& [id, count] : run.visitors) {
            if (*rc::gen::inRange(0, 2) == 0) tried.push_back(id);
          }
          run.choose(tried, std::nullopt);
          break;
        }
        case 8:
          if (one) run.answer(*one);
          break;
        case 9:
          if (one) run.end_early(*one);
          break;
        default: run.choose({}, std::nullopt); break;
      }
      for (const auto& [id, count] : run.visitors) {
        const auto state = run.all.state_of(id, run.now);
        RC_ASSERT(state.visitors == count);
        RC_ASSERT(state.is_skipped == run.is_skipped(id));
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
