#include <rathole/protocol/udp_slots.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using protocol::channel_counts;
using protocol::request_channel;
using protocol::slot_id;
using protocol::udp_slots;

constexpr time_point start{1h};
using requests = std::vector<request_channel>;

/// Draws the middle of each range, so that no pause is randomized.
struct middle {
  void fill(byte_span out) const {
    for (auto& byte : out) byte = 0;
    if (!out.empty()) out.front() = 0x80;
  }
};
middle draw;

/// Polls until no action is left.
requests drain(udp_slots& slots, time_point now = start) {
  requests out;
  while (const auto action = slots.poll(now)) out.push_back(*action);
  return out;
}

/// Returns the machine of a service with `size` slots, which have requested their channels.
udp_slots with_size(std::size_t size) {
  udp_slots slots;
  slots.set_size(size);
  CHECK(drain(slots).size() == size);
  return slots;
}

/// One row of a table: what happens to the only slot in a state, the requests that follow, and how
/// many slots then wait, start, and exist.
struct row {
  const char* state;
  std::function<void(udp_slots&)> before;
  const char* event;
  std::function<void(udp_slots&)> happens;
  std::size_t requests;
  std::size_t waiting;
  std::size_t starting;
  std::size_t size;
};

TEST_CASE("udp_slots: what follows each event in each state") {
  const auto nothing = [](udp_slots&) {};
  const auto arrived = [](udp_slots& slots) { slots.channel_arrived(); };
  const auto started = [](udp_slots& slots) { slots.started(0); };
  const auto failed = [](udp_slots& slots) { slots.start_failed(0, start, draw); };
  const auto lost = [](udp_slots& slots) { slots.channel_lost(0, start, 0s, draw); };
  const auto shrunk = [](udp_slots& slots) { slots.set_size(0); };
  const auto grown = [](udp_slots& slots) { slots.set_size(2); };
  const auto stopped = [](udp_slots& slots) { slots.stop(); };
  const auto carrying = [&](udp_slots& slots) {
    arrived(slots);
    started(slots);
  };
  // The second loss in a row begins a pause.
  const auto pausing = [&](udp_slots& slots) {
    carrying(slots);
    lost(slots);
    CHECK(drain(slots).size() == 1);
    carrying(slots);
    lost(slots);
  };
  const row table[] = {
      {"waiting", nothing, "nothing", nothing, 0, 1, 0, 1},
      {"waiting", nothing, "arrived", arrived, 0, 0, 1, 1},
      {"waiting", nothing, "started", started, 0, 1, 0, 1},
      {"waiting", nothing, "lost", lost, 0, 1, 0, 1},
      {"waiting", nothing, "shrunk", shrunk, 0, 1, 0, 1},
      {"waiting", nothing, "grown", grown, 1, 2, 0, 2},
      {"waiting", nothing, "stopped", stopped, 0, 0, 0, 0},
      {"starting", arrived, "arrived", arrived, 0, 0, 1, 1},
      {"starting", arrived, "started", started, 0, 0, 0, 1},
      {"starting", arrived, "failed", failed, 1, 1, 0, 1},
      {"starting", arrived, "shrunk", shrunk, 0, 0, 1, 1},
      {"starting", arrived, "stopped", stopped, 0, 0, 0, 0},
      {"carrying", carrying, "arrived", arrived, 0, 0, 0, 1},
      {"carrying", carrying, "failed", failed, 0, 0, 0, 1},
      {"carrying", carrying, "lost", lost, 1, 1, 0, 1},
      {"carrying", carrying, "shrunk", shrunk, 0, 0, 0, 1},
      {"carrying", carrying, "stopped", stopped, 0, 0, 0, 0},
      {"pausing", pausing, "nothing", nothing, 0, 0, 0, 1},
      {"pausing", pausing, "arrived", arrived, 0, 0, 0, 1},
      {"pausing", pausing, "shrunk", shrunk, 0, 0, 0, 1},
      {"pausing", pausing, "stopped", stopped, 0, 0, 0, 0},
      {"stopped", stopped, "arrived", arrived, 0, 0, 0, 0},
      {"stopped", stopped, "started", started, 0, 0, 0, 0},
      {"stopped", stopped, "failed", failed, 0, 0, 0, 0},
      {"stopped", stopped, "lost", lost, 0, 0, 0, 0},
      {"stopped", stopped, "grown", grown, 0, 0, 0, 0},
  };
  for (const row& each : table) {
    CAPTURE(each.state);
    CAPTURE(each.event);
    udp_slots slots = with_size(1);
    each.before(slots);
    drain(slots);
    each.happens(slots);
    CHECK(drain(slots) == requests(each.requests));
    CHECK(slots.counts() == channel_counts{each.waiting, each.starting, 0, each.waiting});
    CHECK(slots.size() == each.size);
  }
}

TEST_CASE("udp_slots: each channel that arrives gets one slot, and none is kept without a slot") {
  udp_slots slots = with_size(2);
  const auto first = slots.channel_arrived();
  const auto second = slots.channel_arrived();
  REQUIRE(first);
  REQUIRE(second);
  CHECK(*first != *second);
  CHECK_FALSE(slots.channel_arrived());
  CHECK(slots.started(*first));
  CHECK_FALSE(slots.channel_arrived());
  CHECK(slots.started(*second));
  CHECK(drain(slots).empty());
  CHECK_FALSE(slots.deadline());
}

TEST_CASE("udp_slots: a requested channel that does not arrive is requested again") {
  udp_slots slots = with_size(2);
  CHECK(slots.deadline() == start + protocol::default_request_timeout);
  CHECK(drain(slots, start + protocol::default_request_timeout - 1ns).empty());
  CHECK(drain(slots, start + protocol::default_request_timeout).size() == 2);
  CHECK(slots.counts() == channel_counts{2, 0, 0, 2});
}

TEST_CASE("udp_slots: three channels in a row that do not start count as one loss") {
  udp_slots slots = with_size(1);
  const auto fail_once = [&] {
    const auto slot = slots.channel_arrived();
    REQUIRE(slot);
    slots.start_failed(*slot, start, draw);
    return drain(slots).size();
  };
  // The first loss has no pause.
  for (unsigned i = 0; i < protocol::max_start_attempts; ++i) CHECK(fail_once() == 1);
  for (unsigned i = 1; i < protocol::max_start_attempts; ++i) CHECK(fail_once() == 1);
  CHECK(fail_once() == 0);
  CHECK(slots.deadline() == start + protocol::replacement_pause);
  CHECK(drain(slots, start + protocol::replacement_pause).size() == 1);
}

TEST_CASE("udp_slots: channels that keep dying are replaced after growing pauses") {
  udp_slots slots = with_size(1);
  time_point now = start;
  const auto lose = [&](duration lived) {
    const auto slot = slots.channel_arrived();
    REQUIRE(slot);
    CHECK(slots.started(*slot));
    slots.channel_lost(*slot, now, lived, draw);
  };
  lose(0s);
  CHECK(drain(slots, now).size() == 1);
  for (const auto pause : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
    lose(0s);
    CHECK(drain(slots, now).empty());
    CHECK(slots.deadline() == now + pause);
    CHECK(drain(slots, now + pause - 1ns).empty());
    now += pause;
    CHECK(drain(slots, now).size() == 1);
  }
  // A channel that existed for a second begins a new row, and so does one after `loss_window`.
  lose(protocol::max_replacement_pause);
  CHECK(drain(slots, now).size() == 1);
  lose(0s);
  CHECK(slots.deadline() == now + protocol::replacement_pause);
  now += protocol::replacement_pause;
  CHECK(drain(slots, now).size() == 1);
  now += protocol::loss_window;
  drain(slots, now);
  lose(0s);
  CHECK(drain(slots, now).size() == 1);
}

TEST_CASE("udp_slots: surplus slots end with their channels") {
  udp_slots slots = with_size(3);
  const auto carrying = slots.channel_arrived();
  CHECK(slots.started(carrying.value()));
  const auto starting = slots.channel_arrived();
  slots.set_size(0);
  CHECK(slots.size() == 3);
  CHECK_FALSE(slots.started(starting.value()));
  slots.channel_lost(carrying.value(), start, 1h, draw);
  CHECK(drain(slots).empty());
  CHECK(slots.size() == 1);
  CHECK_FALSE(slots.started(slots.channel_arrived().value()));
  CHECK(slots.size() == 0);
  CHECK_FALSE(slots.deadline());

  // An owner that reports the end of a slot that is gone changes nothing.
  slots.channel_lost(starting.value(), start, 0s, draw);
  slots.start_failed(starting.value(), start, draw);
  CHECK(drain(slots).empty());
  slots.set_size(1);
  CHECK(drain(slots).size() == 1);
}

}  // namespace
}  // namespace rathole::test
