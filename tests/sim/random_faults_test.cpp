// Random faults of several clients, services and visitors at once. `test::crowd` documents the
// invariants and checks them at every step.

#include "support/sim_crowd.hpp"

#include <sstream>
#include <string>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using test::crowd, test::offer_set;

namespace {

/// The faults of one seed: some are momentary, some last. Several different ones may last at once.
class faults {
 public:
  explicit faults(crowd& to) : to_(to) {}

  /// Adds one random fault.
  void add_fault() {
    auto& net = to_.world.net();
    const std::string_view client = rng().between(0, 1) ? "alpha" : "beta";
    const offer_set of_client = test::offers_of(client);
    const bool at_once = rng().between(0, 1) == 1;
    switch (rng().between(0, 10)) {
      case 0:
        momentary(test::all_offers, [&] { net.lose_connections("visitor", "server"); });
        break;
      case 1: momentary(of_client, [&] { net.lose_connections(client, "server"); }); break;
      case 2: momentary(of_client, [&] { net.lose_connections(client, "lan"); }); break;
      case 3: cut("visitor", "server", test::all_offers); break;
      case 4: cut(client, "server", of_client); break;
      case 5: cut(client, "lan", of_client); break;
      case 6: refuse(rng().between(0, 1) ? "server" : "lan"); break;
      case 7: fail_operation("server", test::all_offers); break;
      case 8: fail_operation(client, of_client); break;
      case 9:
        last(
            std::string(client), of_client, [&] { to_.stop(client, at_once); },
            [this, client] { to_.start_client(client); });
        break;
      case 10:
        if (rng().between(0, 1)) {
          last(
              "server", test::all_offers, [&] { to_.stop("server", at_once); },
              [this] { to_.start_server(); });
        } else {
          last(
              "gamma", test::offers_of("alpha"), [&] { to_.start_client("gamma"); },
              [this, at_once] { to_.stop("gamma", at_once); });
        }
        break;
    }
  }

  /// Returns whether no fault lasts. A server that could not listen is started again.
  bool over() {
    if (!lasting_.contains("server") && !to_.runs("server")) to_.start_server();
    return lasting_.empty();
  }

 private:
  sim::seeded_rng& rng() { return to_.rng; }

  template <class Action>
  void momentary(offer_set which, Action act) {
    to_.begin_fault(which);
    act();
    to_.end_fault(which);
  }

  template <class Begin>
  void last(std::string what, offer_set which, Begin begin, std::function<void()> end) {
    if (!lasting_.insert(what).second) return;
    to_.begin_fault(which);
    begin();
    const duration length = std::chrono::milliseconds(rng().between(1, 45'000));
    to_.world.call_at(to_.world.now() + length, [this, what, which, end = std::move(end)] {
      end();
      to_.end_fault(which);
      lasting_.erase(what);
    });
  }

  void cut(std::string_view a, std::string_view b, offer_set which) {
    auto& net = to_.world.net();
    last(
        "cut " + std::string(a) + ' ' + std::string(b), which, [&] { net.partition(a, b); },
        [&net, a, b] { net.heal(a, b); });
  }

  void refuse(std::string_view host) {
    auto& net = to_.world.net();
    last(
        "refuse " + std::string(host), test::all_offers,
        [&] { net.refuse_connections(host, true); },
        [&net, host] { net.refuse_connections(host, false); });
  }

  void fail_operation(std::string_view host, offer_set which) {
    auto& operations = to_.world.net().operations(host);
    const std::errc why =
        rng().between(0, 1) ? std::errc::connection_reset : std::errc::too_many_files_open;
    last(
        "fail " + std::string(host), which,
        [&] { operations.fail_at(operations.count() + rng().between(1, 200), why); },
        [&operations, why] { operations.fail_at(0, why); });
  }

  crowd& to_;
  std::set<std::string> lasting_;
};

void live(crowd& simulated) {
  faults all(simulated);
  simulated.open();
  simulated.let_visitors_come(true);
  if (simulated.rng.between(0, 1)) simulated.start_client("mallory");
  for (int i = 0; i < 10; ++i) {
    // Runs several series of faults; everything must recover after each.
    const bool soon = simulated.rng.between(0, 1) == 1;
    simulated.world.run_for(
        std::chrono::milliseconds(simulated.rng.between(1, soon ? 3'000 : 40'000)));
    all.add_fault();
  }
  simulated.world.run_until([&] { return all.over(); });
  simulated.let_visitors_come(false);
  simulated.recover();
  simulated.close();
}

constexpr std::uint64_t usual_hours = 3;

/// Returns what is in use once everything has recovered and all delayed reports have been made.
test::inventory at_rest(crowd& simulated) {
  simulated.recover();
  simulated.world.run_for(2min);
  return simulated.in_use();
}

/// Runs few faults a minute, but for hours. What is in use when idle must be the same before and
/// after.
void live_long(crowd& simulated) {
  faults all(simulated);
  simulated.open();
  const test::inventory before = at_rest(simulated);
  simulated.let_visitors_come(true, 40s);
  const auto end = simulated.world.now() + std::chrono::hours(test::scenario_hours(usual_hours));
  while (simulated.world.now() < end) {
    // Often the next fault begins before the last one has ended.
    const bool soon = simulated.rng.between(0, 2) == 0;
    simulated.world.run_for(
        std::chrono::milliseconds(simulated.rng.between(1, soon ? 5'000 : 900'000)));
    all.add_fault();
  }
  simulated.world.run_until([&] { return all.over(); });
  simulated.let_visitors_come(false);
  const test::inventory after = at_rest(simulated);
  CHECK(after.resources.streams == before.resources.streams);
  CHECK(after.resources.acceptors == before.resources.acceptors);
  CHECK(after.resources.timers == before.resources.timers);
  CHECK(after.resources.datagram_sockets == before.resources.datagram_sockets);
  CHECK(after.tasks == before.tasks);
  simulated.close();
}

/// Runs `live` in a crowd of that seed, and adds up the results of its visitors.
void run(std::uint64_t seed, void (*live)(crowd&), test::tally& sum) {
  crowd simulated(seed);
  try {
    live(simulated);
  } catch (const test::violation& what) {
    FAIL_CHECK(std::string(what.what()));
    if (test::replays_one_seed()) MESSAGE(simulated.event_log());
  }
  sum.complete += simulated.found.complete;
  sum.required += simulated.found.required;
  sum.broken += simulated.found.broken;
  sum.refused += simulated.found.refused;
  sum.left += simulated.found.left;
  sum.datagrams += simulated.found.datagrams;
  sum.datagrams_lost += simulated.found.datagrams_lost;
  sum.datagrams_owed += simulated.found.datagrams_owed;
}

/// The results of the visitors for all seeds.
test::tally run_all(const std::vector<std::uint64_t>& seeds, void (*life)(crowd&)) {
  test::tally sum;
  for (const std::uint64_t seed : seeds) {
    REPLAYABLE(seed);
    run(seed, life, sum);
  }
  return sum;
}

std::string words(const test::tally& sum) {
  std::ostringstream out;
  out << "complete " << sum.complete << ", owed " << sum.required << ", broken " << sum.broken
      << ", refused " << sum.refused << ", left " << sum.left << "; datagrams answered "
      << sum.datagrams << ", owed " << sum.datagrams_owed << ", lost " << sum.datagrams_lost;
  return out.str();
}

}  // namespace

TEST_CASE("random faults: no invariant breaks, and everything recovers") {
  const auto seeds = test::scenario_seeds(200);
  const test::tally sum = run_all(seeds, live);
  INFO(words(sum));
  // The seeds are meaningful: many visitors must have been answered, and others must have failed.
  if (seeds.size() >= 100) {
    CHECK(sum.required >= 40 * seeds.size());
    CHECK(sum.broken >= 5 * seeds.size());
    CHECK(sum.refused >= seeds.size() / 10);
    CHECK(sum.left >= 10 * seeds.size());
    CHECK(sum.datagrams_owed >= 30 * seeds.size());
    CHECK(sum.datagrams_lost >= 10 * seeds.size());
  }
}

TEST_CASE("random faults: a long life leaks nothing") {
  const auto seeds = test::scenario_seeds(3);
  const test::tally sum = run_all(seeds, live_long);
  INFO(words(sum));
  const std::uint64_t hours = seeds.size() * test::scenario_hours(usual_hours);
  CHECK(sum.required >= 50 * hours);
  CHECK(sum.broken + sum.refused >= hours / 4);
  CHECK(sum.datagrams_owed >= 50 * hours);
}

TEST_CASE("random faults: the same seed gives the same events") {
  const auto event_log = [](std::uint64_t seed) {
    crowd simulated(seed);
    live(simulated);
    return simulated.event_log() + std::to_string(simulated.world.steps());
  };
  CHECK(event_log(7) == event_log(7));
  CHECK(event_log(7) != event_log(8));
}
