#include <rathole/protocol/client_balancer.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using protocol::client_balancer, protocol::client_id, protocol::client_lease;

namespace {

const time_point start{};

/// A balancer with the clients 1, 2 and 3.
struct three_clients : client_balancer {
  three_clients() {
    for (const client_id each : {1U, 2U, 3U}) add(each, each);
  }

  /// Returns the client for a visitor that has tried nobody; 0 if there is none.
  client_id next(time_point now = start) { return choose(now, {}, std::nullopt).value_or(0); }

  /// Returns the clients of as many visitors that come one after another and stay.
  std::vector<client_id> next_many(std::size_t count, time_point now = start) {
    std::vector<client_id> out;
    while (out.size() < count) out.push_back(next(now));
    return out;
  }
};

}  // namespace

TEST_CASE("client balancer: visitors go to the client with the fewest, and otherwise in turn") {
  three_clients all;
  CHECK(all.next_many(6) == std::vector<client_id>{1, 2, 3, 1, 2, 3});
  // Each has two. One that gets room is next, until it has as many as the others.
  all.released(2);
  all.released(2);
  CHECK(all.next_many(2) == std::vector<client_id>{2, 2});
  CHECK(all.next() == 1);
  CHECK(all.state_of(1, start).visitors == 3);
  // Visitors that do not overlap take turns.
  three_clients idle;
  std::vector<client_id> turns;
  for (int i = 0; i < 6; ++i) {
    turns.push_back(idle.next());
    idle.released(turns.back());
  }
  CHECK(turns == std::vector<client_id>{1, 2, 3, 1, 2, 3});
}

TEST_CASE("client balancer: without a client there is nobody to choose") {
  client_balancer none;
  CHECK_FALSE(none.choose(start, {}, std::nullopt));
  CHECK_FALSE(none.choose(start, {}, 5));
  none.released(1);
  none.served(1);
  CHECK_FALSE(none.failed(1, start));
}

TEST_CASE("client balancer: a client that failed is skipped, and then gets one visitor on trial") {
  three_clients all;
  all.served(2);
  all.served(3);
  CHECK(all.next() == 1);
  all.released(1);
  CHECK(all.failed(1, start));
  // Further failures of visitors that came at the same time count as one.
  CHECK_FALSE(all.failed(1, start + 500ms));
  CHECK(all.state_of(1, start + 999ms).is_skipped);
  CHECK(all.next_many(4, start + 999ms) == std::vector<client_id>{2, 3, 2, 3});
  CHECK_FALSE(all.state_of(1, start + protocol::client_pause).is_skipped);
  const time_point later = start + protocol::client_trial;
  CHECK(all.next_many(3, later) == std::vector<client_id>{1, 2, 3});
  all.served(1);
  CHECK(all.next_many(2, later) == std::vector<client_id>{1, 1});
}

TEST_CASE("client balancer: a trial whose visitor leaves is followed by another one") {
  three_clients all;
  all.served(2);
  all.served(3);
  all.failed(1, start);
  CHECK(all.next_many(4) == std::vector<client_id>{2, 3, 2, 3});
  const time_point later = start + protocol::client_pause;
  CHECK(all.next(later) == 1);
  CHECK(all.next(later) == 2);
  all.released(1);
  CHECK(all.next(later) == 1);
}

TEST_CASE("client balancer: the pauses double up to a limit, and start over after a success") {
  three_clients all;
  time_point now = start;
  for (const duration pause : {1s, 2s, 4s, 8s, 16s, 30s, 30s, 30s}) {
    CHECK(all.failed(1, now));
    CHECK(all.state_of(1, now + pause - 1ms).is_skipped);
    CHECK_FALSE(all.state_of(1, now + pause).is_skipped);
    now += pause;
  }
  all.served(1);
  CHECK(all.failed(1, now));
  CHECK_FALSE(all.state_of(1, now + protocol::client_pause).is_skipped);
}

TEST_CASE(
    "client balancer: a client that ends connections early is skipped after several in a row") {
  three_clients all;
  all.served(2);
  all.served(3);
  const auto serve_one = [&](time_point now) {
    CHECK(all.choose(now, std::array<client_id, 2>{2, 3}, std::nullopt) == 1);
    all.served(1);
  };
  const auto end_early = [&](time_point now) {
    serve_one(now);
    all.ended_early(1, now);
    all.released(1);
  };
  for (unsigned i = 1; i < protocol::max_early_ends; ++i) end_early(start);
  // A connection with bytes ends the row.
  serve_one(start);
  all.answered(1);
  all.released(1);
  for (unsigned i = 1; i < protocol::max_early_ends; ++i) end_early(start);
  CHECK_FALSE(all.state_of(1, start).is_skipped);
  end_early(start);
  CHECK(all.state_of(1, start).is_skipped);
  // Then one is enough, and the pauses double.
  time_point now = start + 1s;
  for (const duration pause : {2s, 4s, 8s, 16s, 30s, 30s}) {
    CHECK_FALSE(all.state_of(1, now).is_skipped);
    end_early(now);
    CHECK(all.state_of(1, now + pause - 1ms).is_skipped);
    now += pause;
  }
  // A trial without bytes ends by time, and bytes end it at once.
  CHECK(all.next_many(3, now) == std::vector<client_id>{2, 3, 1});
  all.served(1);
  CHECK(all.next_many(2, now) == std::vector<client_id>{2, 3});
  CHECK(all.next_many(2, now + protocol::client_trial - 1ms) == std::vector<client_id>{2, 3});
  now += protocol::client_trial;
  CHECK(all.next(now) == 1);
  all.answered(1);
  CHECK(all.next_many(3, now) == std::vector<client_id>{1, 2, 3});
}

TEST_CASE("client balancer: after a failure a visitor gets a client that serves others") {
  three_clients all;
  all.served(3);
  CHECK(all.next() == 1);
  const std::array<client_id, 1> tried{1};
  CHECK(all.choose(start, tried, std::nullopt) == 3);
  // One that has failed since then is no better than one about which nothing is known.
  all.failed(3, start);
  CHECK(all.choose(start + protocol::client_pause, tried, std::nullopt) == 2);
}

TEST_CASE("client balancer: clients that serve nobody delay few visitors, however many they are") {
  client_balancer all;
  for (client_id each = 1; each <= 20; ++each) all.add(each, each);
  all.served(20);
  // A visitor a second stays, and is passed to another client if it gets one that does not serve.
  int delayed = 0;
  for (int i = 0; i < 100; ++i) {
    const time_point now = start + std::chrono::seconds(i);
    const auto first = all.choose(now, {}, std::nullopt);
    if (first == 20) continue;
    ++delayed;
    all.released(*first);
    all.failed(*first, now + 900ms);
    const std::array<client_id, 1> tried{*first};
    CHECK(all.choose(now + 900ms, tried, std::nullopt) == 20);
  }
  CHECK(delayed == 100s / protocol::client_trial);
}

TEST_CASE("client balancer: a visitor tries each client once, also those that are skipped") {
  three_clients all;
  all.failed(2, start);
  all.failed(3, start + 100ms);
  std::vector<client_id> tried;
  while (const auto next = all.choose(start + 200ms, tried, std::nullopt)) {
    tried.push_back(*next);
    all.released(*next);
  }
  // The one whose pause ends first comes first.
  CHECK(tried == std::vector<client_id>{1, 2, 3});
}

TEST_CASE("client balancer: a client that is removed is not chosen, and forgets its visitors") {
  three_clients all;
  CHECK(all.next_many(3) == std::vector<client_id>{1, 2, 3});
  all.remove(1);
  all.remove(1);
  CHECK(all.size() == 2);
  CHECK(all.next_many(4) == std::vector<client_id>{2, 3, 2, 3});
  all.released(1);
}

TEST_CASE(
    "client balancer: a source keeps its client, and a departure moves only its own sources") {
  three_clients all;
  std::map<std::uint64_t, client_id> before;
  std::map<client_id, int> shares;
  for (std::uint64_t source = 0; source < 3000; ++source) {
    // Spreads the small numbers, as the hash of an address does.
    const std::uint64_t number = source * 0x9e3779b97f4a7c15U;
    before[number] = all.choose(start, {}, number).value();
    ++shares[before[number]];
    CHECK(all.choose(start, {}, number) == before[number]);
  }
  for (const auto& [id, share] : shares) {
    CHECK(share > 900);
    CHECK(share < 1100);
  }
  all.remove(2);
  for (const auto& [number, id] : before) {
    const auto now = all.choose(start, {}, number);
    if (id == 2) {
      CHECK(now != 2);
    } else {
      CHECK(now == id);
    }
  }
  // It returns under another number, and gets its sources back.
  all.add(4, 2);
  for (const auto& [number, id] : before) {
    CHECK(all.choose(start, {}, number) == (id == 2 ? 4 : id));
  }
}

TEST_CASE("client balancer: a source moves while its client is skipped, and comes back") {
  three_clients all;
  for (const client_id each : {1U, 2U, 3U}) all.served(each);
  const auto usual = all.choose(start, {}, 77).value();
  all.failed(usual, start);
  const auto other = all.choose(start, {}, 77).value();
  CHECK(other != usual);
  CHECK(all.choose(start, {}, 77) == other);
  CHECK(all.choose(start + protocol::client_pause, {}, 77) == usual);
}

TEST_CASE("client balancer: clients with one identity are different clients") {
  client_balancer all;
  for (const client_id each : {1U, 2U, 3U, 4U}) all.add(each, 5);
  std::map<client_id, int> shares;
  for (std::uint64_t source = 0; source < 400; ++source) {
    ++shares[all.choose(start, {}, source * 0x9e3779b97f4a7c15U).value()];
  }
  REQUIRE(shares.size() == 4);
  for (const auto& [id, share] : shares) CHECK(share > 60);
}

TEST_CASE("client balancer: a lease counts its visitor once, also when it moves") {
  const auto all = std::make_shared<client_balancer>();
  all->add(1, 1);
  const auto visitors = [&] { return all->state_of(1, start).visitors; };
  const auto take = [&] { return client_lease(all, all->choose(start, {}, std::nullopt).value()); };
  {
    client_lease held = take();
    CHECK(visitors() == 1);
    const client_lease moved = std::move(held);
    CHECK(visitors() == 1);
    client_lease other = take();
    CHECK(visitors() == 2);
    other = client_lease();
    CHECK(visitors() == 1);
  }
  CHECK(visitors() == 0);
}
