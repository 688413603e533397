#include "../support/property.hpp"
#include "session_pair.hpp"

#include <rathole/mux/sender_queue.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <stdexcept>

namespace rathole::test {
namespace {

TEST_CASE("session pair: every byte arrives once, in order, and nothing is left") {
  RATHOLE_PROPERTY("pair", [](std::uint32_t seed) {
    const int steps = *rc::gen::inRange(0, 2000);
    session_pair both(seed);
    try {
      for (int i = 0; i < steps; ++i) both.step();
      both.finish();
    } catch (const std::runtime_error& broken) {
      RC_FAIL(broken.what());
    }
  });
}

TEST_CASE("sender queue: no stream that can send waits without end") {
  RATHOLE_PROPERTY("sender_queue", [] {
    mux::sender_queue queue;
    const auto streams = *rc::gen::inRange<mux::stream_id>(2, 6);
    std::map<mux::stream_id, std::size_t> waits;
    const auto seed = *rc::gen::arbitrary<std::uint32_t>();
    std::mt19937 rng(seed);
    const auto below = [&](std::size_t bound) { return rng() % bound; };
    for (mux::stream_id id = 1; id <= streams; ++id) {
      queue.set_ready(id, true);
      waits[id] = 0;
    }
    // Stream 1 is always ready; the others come and go, often or rarely.
    const auto pause = *rc::gen::element<std::size_t>(1, 50, 3000);
    for (int i = 0; i < 5000; ++i) {
      const auto id = static_cast<mux::stream_id>(1 + below(streams));
      const bool is_ready = id == 1 || below(2) == 0;
      if (below(pause) > 0) {
        // Nothing changes.
      } else if (is_ready) {
        queue.set_ready(id, true);
        waits.try_emplace(id, 0);
      } else {
        queue.set_ready(id, false);
        waits.erase(id);
        if (below(3) == 0) queue.remove(id);
      }
      RC_ASSERT(queue.ready() == waits.size());
      const auto sender = queue.next();
      RC_ASSERT(sender.has_value() == !waits.empty());
      if (!sender) continue;
      RC_ASSERT(waits.contains(*sender));
      queue.charge(*sender, static_cast<std::uint32_t>(below(mux::shared_frame_size) + 1));
      for (auto& [other, waited] : waits) waited = other == *sender ? 0 : waited + 1;
      for (const auto& [other, waited] : waits) RC_ASSERT(waited <= 17 * 17 * streams);
    }
  });
}

}  // namespace
}  // namespace rathole::test
