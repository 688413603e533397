#include <rathole/admin/event_data.hpp>
#include <rathole/admin/event_log.hpp>
#include <rathole/admin/event_texts.hpp>
#include <rathole/admin/json.hpp>
#include <rathole/admin/traffic_history.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace rathole::admin {
namespace {

TEST_CASE("events: a reader gets those after the last one that it has") {
  event_log log;
  CHECK(log.read(0, 10).events.empty());
  for (int i = 0; i < 5; ++i) log.add({.name = "draining"});
  CHECK(log.last() == 5);
  const auto all = log.read(0, 10);
  REQUIRE(all.events.size() == 5);
  CHECK(all.events.front().id == 1);
  CHECK(all.missed == 0);
  CHECK(log.read(0, 2).events.size() == 2);
  CHECK(log.read(3, 10).events.front().id == 4);
  CHECK(log.read(5, 10).events.empty());
  CHECK(log.read(99, 10).events.empty());
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  CHECK(log.read(most, 10).events.empty());
  CHECK(log.read(most, 10).missed == 0);
}

TEST_CASE("events: the number that is kept is bounded, and what is missed is counted") {
  event_log log;
  for (std::uint64_t i = 0; i < event_log::capacity + 10; ++i) log.add({.name = "draining"});
  const auto page = log.read(3, 1);
  CHECK(page.missed == 7);
  REQUIRE(page.events.size() == 1);
  CHECK(page.events.front().id == 11);
  CHECK(log.read(10, 1).missed == 0);
}

TEST_CASE("events: the memory for long texts is bounded, and the last one is kept") {
  event_log log;
  constexpr std::size_t size = event_log::byte_capacity / 4;
  for (int i = 0; i < 10; ++i) log.add({.name = "draining", .detail = std::string(size, 'x')});
  const auto kept = log.read(0, event_log::capacity);
  CHECK(kept.events.size() == 3);
  CHECK(kept.missed == 7);
  CHECK(kept.events.back().id == 10);
  log.add({.name = "draining", .detail = std::string(event_log::byte_capacity, 'y')});
  const auto last = log.read(0, event_log::capacity);
  REQUIRE(last.events.size() == 1);
  CHECK(last.events.front().id == 11);
}

TEST_CASE("events: they are kept as they were added") {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  const std::vector<event_record> all{
      {.name = "draining"},
      {.at = std::chrono::sys_days(std::chrono::year(2024) / 1 / 31) + std::chrono::nanoseconds(1),
       .name = "connection_ended",
       .service = "web",
       .address = "203.0.113.9:1",
       .detail = std::string("a\0b", 3),
       .connection = 127,
       .received = 128,
       .sent = most,
       .seconds = 1.5},
      {.at = std::chrono::sys_days(std::chrono::year(1960) / 1 / 1),
       .name = "",
       .service = std::string(300, 's'),
       .address = "",
       .detail = std::string(70'000, 'd'),
       .connection = most,
       .received = 16'383,
       .sent = 16'384,
       .seconds = -0.25}};
  event_log log;
  for (const event_record& each : all) log.add(view(each));
  const auto kept = log.read(0, 10).events;
  REQUIRE(kept.size() == all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    event_record expected = all[i];
    expected.id = i + 1;
    CHECK((kept[i] == expected));
  }
}

TEST_CASE("events: a reader is woken once for each time that it has read") {
  event_log log;
  int woken = 0;
  log.on_events([&] { ++woken; });
  log.add({.name = "draining"});
  CHECK(woken == 0);
  log.read(0, 10);
  log.add({.name = "draining"});
  log.add({.name = "draining"});
  CHECK(woken == 1);
  log.read(0, 10);
  log.on_events(nullptr);
  log.add({.name = "draining"});
  CHECK(woken == 1);
}

std::string data_of(const event_record& what) {
  std::string out;
  append_event_data(out, what);
  return out;
}

TEST_CASE("events: their data has what the event says") {
  const event_record ended{.at = std::chrono::sys_days(std::chrono::year(2024) / 1 / 31),
                           .name = "connection_ended",
                           .service = "web",
                           .address = "203.0.113.9:1",
                           .connection = 7,
                           .received = 10,
                           .sent = 0,
                           .seconds = 1.5};
  CHECK(data_of(ended) ==
        R"({"time":"2024-01-31T00:00:00.000Z","service":"web","visitor":"203.0.113.9:1","id":7,)"
        R"("received":10,"sent":0,"seconds":1.5,"error":null})");
  const event_record refused{
      .at = ended.at, .name = "visitor_refused", .service = "a", .detail = "why"};
  CHECK(data_of(refused) == R"({"time":"2024-01-31T00:00:00.000Z","service":"a","detail":"why"})");
  const event_record hostile{
      .at = ended.at, .name = "draining", .service = "\"}\n\xff", .received = 3};
  CHECK(data_of(hostile) ==
        "{\"time\":\"2024-01-31T00:00:00.000Z\",\"service\":\"\\\"}\\u000a\xef\xbf\xbd\",\"count\":"
        "3}");
}

TEST_CASE("events: their texts are the same whoever reads them, in whatever order") {
  event_log log;
  for (int i = 0; i < 1000; ++i) log.add({.name = "draining", .detail = std::to_string(i)});
  const auto all = log.read(0, 1000).events;
  event_texts texts;
  // From the middle, on, back, with gaps, and more than are kept.
  for (const std::size_t from : {500u, 501u, 10u, 502u, 900u, 0u, 999u, 600u, 0u}) {
    for (std::size_t i = from; i < std::min<std::size_t>(from + 350, all.size()); ++i) {
      const event_record& what = all[i];
      REQUIRE(texts.of(what) == "id: " + std::to_string(i + 1) +
                                    "\nevent: draining\ndata: " + data_of(what) + "\n\n");
    }
  }
}

TEST_CASE("history: the last values are kept, and totals become growth") {
  ring<std::uint64_t, 3> values;
  CHECK(values.values().empty());
  for (std::uint64_t i = 1; i <= 5; ++i) values.add(i);
  CHECK(values.values() == std::vector<std::uint64_t>{3, 4, 5});
  growth bytes;
  CHECK(bytes.since_last(10) == 10);
  CHECK(bytes.since_last(15) == 5);
  // A service that was removed takes its bytes with it.
  CHECK(bytes.since_last(3) == 0);
  CHECK(bytes.since_last(4) == 1);
}

}  // namespace
}  // namespace rathole::admin
