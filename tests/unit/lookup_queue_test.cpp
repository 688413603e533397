// Which names are looked up at the same time, and what is remembered of them.

#include <rathole/core/expiring_cache.hpp>
#include <rathole/core/lookup_queue.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;

constexpr time_point start{1h};

std::string number(const char* what, int i) { return what + std::to_string(i); }

/// Looks a name up for a single caller; the look-up takes `took`.
void look_up(lookup_queue& queue, const std::string& name, duration took) {
  queue.ask(name, start);
  CHECK(queue.begin(start) == name);
  queue.end(name, start + took);
}

TEST_CASE("lookup_queue: a name is looked up once, however many callers ask") {
  lookup_queue queue;
  CHECK(queue.ask("a", start) == start);
  CHECK(queue.ask("a", start + 1s) == start);
  CHECK(queue.waiting() == 1);
  CHECK(queue.begin(start + 2s) == "a");
  CHECK(queue.ask("a", start + 3s) == start);
  CHECK(queue.begin(start + 3s) == std::nullopt);
  CHECK(queue.running() == 1);
  queue.end("a", start + 4s);
  CHECK(queue.running() == 0);
  // The next caller starts a new look-up.
  CHECK(queue.ask("a", start + 5s) == start + 5s);
  CHECK(queue.begin(start + 5s) == "a");
}

TEST_CASE("lookup_queue: a name that no caller asks for any more is not looked up") {
  lookup_queue queue;
  queue.ask("a", start);
  queue.ask("b", start);
  queue.cancel("a");
  queue.cancel("unknown");
  CHECK(queue.begin(start) == "b");
  // A look-up that runs is completed.
  queue.cancel("b");
  CHECK(queue.running() == 1);
  CHECK(queue.ask("b", start + 1s) == start);
  queue.end("b", start + 1s);
  CHECK(queue.begin(start + 1s) == std::nullopt);
}

TEST_CASE("lookup_queue: how many run at once depends on how long they took last") {
  struct kind {
    const char* name;
    std::optional<duration> took;
    int places;
  };
  for (const kind& each :
       {kind{"slow", 1001ms, 4}, kind{"unknown", std::nullopt, 6}, kind{"quick", 1000ms, 8}}) {
    CAPTURE(each.name);
    lookup_queue queue;
    for (int i = 0; i < 20 && each.took; ++i) look_up(queue, number(each.name, i), *each.took);
    for (int i = 0; i < 20; ++i) queue.ask(number(each.name, i), start);
    for (int i = 0; i < each.places; ++i) CHECK(queue.begin(start) == number(each.name, i));
    CHECK(queue.begin(start) == std::nullopt);
    CHECK(queue.waiting() == 20U - static_cast<unsigned>(each.places));
    queue.end(number(each.name, 0), start);
    CHECK(queue.begin(start) == number(each.name, each.places));
  }
}

TEST_CASE("lookup_queue: a fast name overtakes slow ones that wait") {
  lookup_queue queue;
  look_up(queue, "good", 5ms);
  for (int i = 0; i < 20; ++i) look_up(queue, number("dead", i), 10s);
  for (int i = 0; i < 20; ++i) queue.ask(number("dead", i), start);
  while (queue.begin(start)) {
  }
  queue.ask("good", start);
  queue.ask("new", start);
  CHECK(queue.begin(start) == "good");
  CHECK(queue.begin(start) == "new");
  CHECK(queue.begin(start) == std::nullopt);
  // A name that was slow may be fast now.
  queue.end("dead0", start + 10ms);
  queue.ask("dead0", start);
  CHECK(queue.begin(start) == "dead0");
}

TEST_CASE("lookup_queue: what is remembered of names is bounded in number and age") {
  lookup_queue queue;
  look_up(queue, "first", 10s);
  for (int i = 0; i < 4; ++i) {
    queue.ask(number("other", i), start);
    REQUIRE(queue.begin(start));
  }
  queue.ask("first", start);
  CHECK(queue.begin(start + 10s) == std::nullopt);
  CHECK(queue.begin(start + 10s + lookup_queue::speeds_remembered) == std::nullopt);
  CHECK(queue.begin(start + 10s + lookup_queue::speeds_remembered + 1ms) == "first");
}

TEST_CASE("expiring_cache: bounded in entries and age, and drops the entry stored longest ago") {
  expiring_cache<int> kept(3, 10s);
  kept.put("a", 1, start);
  kept.put("b", 2, start + 1s);
  kept.put("c", 3, start + 2s);
  kept.put("a", 4, start + 3s);
  CHECK(kept.size() == 3);
  kept.put("d", 5, start + 4s);
  CHECK(kept.size() == 3);
  CHECK(kept.find("b", start + 4s) == nullptr);
  REQUIRE(kept.find("a", start + 13s));
  CHECK(*kept.find("a", start + 13s) == 4);
  CHECK(kept.find("a", start + 13s + 1ms) == nullptr);
  CHECK(*kept.find("d", start + 13s) == 5);
  kept.forget("d");
  kept.forget("unknown");
  CHECK(kept.find("d", start + 13s) == nullptr);
  CHECK(kept.size() == 2);
  expiring_cache<int> one(0, 10s);
  one.put("a", 1, start);
  CHECK(*one.find("a", start) == 1);
}

}  // namespace
}  // namespace rathole::test
